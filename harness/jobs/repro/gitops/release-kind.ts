import type { Note } from "#harness/model/source-environment.ts";
import type { Held } from "./held-objects.ts";

type Values = Record<string, unknown>;

/** A kind of objects that install a chart with values of ConfigMaps and Secrets. */
export interface ReleaseKind {
  readonly kind: string;
  readonly groups: readonly string[];
  /** The chart's name; undefined where another object names it. */
  readonly chart: (spec: Values) => unknown;
  /** Its inline values. */
  readonly values: (spec: Values) => unknown;
  /** The release with all that it refers to in its place. */
  readonly resolve: (release: Held, all: AllHeld) => Resolved;
}

/** What else is in the source. */
export interface AllHeld {
  /** Releases of Cilium, each of a cluster. */
  readonly rivals: readonly Held[];
  readonly maps: readonly Held[];
  readonly charts: readonly Held[];
  /** HelmChartConfigs, each of which changes a HelmChart. */
  readonly configs: readonly Held[];
}

export interface Resolved {
  readonly value: Values;
  /** Objects that are a part of the release, and none of their own. */
  readonly used: readonly Held[];
  readonly notes: readonly Note[];
}
