import semver from "semver";
import type { KnownDefect } from "#harness/model/known-defect.ts";

/** A cluster, as far as a defect may depend on it. */
export interface DefectCluster {
  readonly name: string;
  readonly cilium: string;
  /** Of the ConfigMap cilium-config: the keys that defects depend on. */
  readonly settings: Readonly<Record<string, string | undefined>>;
}

/** Whether a cluster has a defect, by its version and settings. */
export const affects = (
  defect: Pick<KnownDefect, "affected" | "when">,
  { cilium, settings }: DefectCluster,
): boolean =>
  defect.affected.some((range) => semver.satisfies(cilium, range)) &&
  Object.entries(defect.when ?? {}).every(([key, values]) => [values].flat().includes(settings[key] ?? null));

/** The keys of cilium-config that defects depend on. */
export const settingsOf = (defects: readonly KnownDefect[]): readonly string[] => [
  ...new Set(defects.flatMap((d) => Object.keys(d.when ?? {}))),
];
