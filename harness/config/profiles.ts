import { join } from "node:path";
import type { ProfileName } from "#harness/model/profile.ts";

const kindConfigs = join(import.meta.dirname, "../../kind-configs");

/** The lab file of a profile. */
export const labFileOf = (profile: ProfileName): string =>
  profile === "default" ? join(kindConfigs, "lab.yaml") : join(kindConfigs, profile, "lab.yaml");

/** Whether clusters export their state through clustermesh-apiserver; otherwise peers read their kvstore directly. */
export const hasApiserver = (profile: ProfileName): boolean => profile !== "external-etcd";
