import { join } from "node:path";
import type { ProfileName } from "#harness/model/profile.ts";

const kindConfigs = join(import.meta.dirname, "../../kind-configs");

/** The lab that a profile is shown on. */
export const labFileOf = (profile: ProfileName): string =>
  profile === "default" ? join(kindConfigs, "lab.yaml") : join(kindConfigs, profile, "lab.yaml");

/** Whether clusters tell of themselves through clustermesh-apiserver; else through their kvstore itself. */
export const hasApiserver = (profile: ProfileName): boolean => profile !== "external-etcd";
