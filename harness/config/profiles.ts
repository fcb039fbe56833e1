import { basename, join, relative, resolve } from "node:path";
import type { ProfileName } from "#harness/model/profile.ts";

const kindConfigs = join(import.meta.dirname, "../../kind-configs");

/** The lab file of a profile. */
export const labFileOf = (profile: ProfileName): string =>
  profile === "default" ? join(kindConfigs, "lab.yaml") : join(kindConfigs, profile, "lab.yaml");

/** What a report says of a lab file that is not the profile's own; no report may name a folder of this machine. */
export function recordedLabFile(path: string, profile: ProfileName): { readonly labFile?: string } {
  if (resolve(path) === labFileOf(profile)) return {};
  const inClone = relative(join(kindConfigs, ".."), path);
  return { labFile: inClone.startsWith("..") ? `${basename(path)}, outside the clone` : inClone };
}

/** Whether clusters export their state through clustermesh-apiserver; otherwise peers read their kvstore directly. */
export const hasApiserver = (profile: ProfileName): boolean => profile !== "external-etcd";
