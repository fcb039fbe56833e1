import { join } from "node:path";

/** Ways of meshing, and the documents that describe them: docs/coverage.md says which is whose. */
export const profileNames = ["default", "kkp", "external-etcd", "cli"] as const;
export type ProfileName = (typeof profileNames)[number];

const kindConfigs = join(import.meta.dirname, "../../kind-configs");

/** The lab that a profile is shown on. */
export const labFileOf = (profile: ProfileName): string =>
  profile === "default" ? join(kindConfigs, "lab.yaml") : join(kindConfigs, profile, "lab.yaml");

/** Whether clusters tell of themselves through clustermesh-apiserver; else through their kvstore itself. */
export const hasApiserver = (profile: ProfileName): boolean => profile !== "external-etcd";
