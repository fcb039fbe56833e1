import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, Note, SourceCluster } from "#harness/model/source-environment.ts";
import { isToleratedId, wrongId } from "#harness/semantics/mesh-settings.ts";
import { hasValues, mayBeSetElsewhere, peersOf } from "./listed-peers.ts";
import { isUnusedValue } from "./part.ts";
import { settingsOf } from "./source-settings.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;
type Values = Readonly<Record<string, unknown>>;

export function sameIds(clusters: readonly SourceCluster[]): Problem[] {
  const groups = Map.groupBy(clusters, (c) => c.id);
  return [...groups].flatMap(([id, same]): Problem[] =>
    id === undefined || same.length < 2 || id === 0
      ? []
      : [
          {
            cluster: same.map((c) => c.name).join(", "),
            field: "cluster id",
            inSource: `${id} in ${same.length} clusters: agents take each other's pods for their own, and refuse to connect`,
            inLab: "one id each",
            matters: "yes",
          },
        ],
  );
}

/** Ids that Cilium does not take; the chart's own is one. */
export function wrongIds(c: SourceCluster): Problem[] {
  const own = settingsOf(c);
  const isChart = hasIdOfChart(c);
  const settings = isChart ? { ...own.settings, "cluster-id": "0" } : own.settings;
  const why = wrongId({ settings });
  if (why === undefined) return [];
  const misplaced = misplacedIds(c.values);
  const unused = unusedSources(c).map((n) => n.field);
  const given =
    misplaced.length > 0
      ? `nothing reads ${misplaced.join(" and ")}`
      : unused.length > 0
        ? `nothing that is used gives cluster.id, and the ${unused.join(" and ")} is not`
        : "no file gives cluster.id";
  return [
    {
      cluster: c.name,
      field: "cluster id",
      inSource: isChart
        ? `0, the chart's default, because ${given}: ${why}`
        : `${settings["cluster-id"]}: ${why}`,
      inLab: "another id",
      matters: isToleratedId({ settings }) ? "perhaps" : "yes",
    },
  ];
}

/** Whether values that are known as a whole put a cluster into a mesh, and leave its id to the chart (values.yaml, `cluster.id: 0`). */
function hasIdOfChart(c: SourceCluster): boolean {
  const isInMesh =
    at(c.values, "clustermesh.useAPIServer") === true ||
    at(c.values, "clustermesh.config.enabled") === true ||
    peersOf(c).size > 0;
  return isWithoutId(c) && isInMesh && hasValues(c) && !mayBeSetElsewhere(c);
}

const isWithoutId = ({ id, config, values }: SourceCluster): boolean =>
  id === undefined &&
  config["cluster-id"] === undefined &&
  (at(values, "cluster.id") ?? undefined) === undefined;

/** Whether no file tells a cluster's id, and the chart's 0 need not be in force. */
export const isIdUnknown = (c: SourceCluster): boolean => isWithoutId(c) && !hasIdOfChart(c);

/** Values of a whole source that are not in force, among which an id may be; that of one value is no such source. */
export const unusedSources = ({ notes }: SourceCluster): Note[] =>
  notes.filter((note) => isUnusedValue(note) && !note.field.startsWith("value "));

/** What looks like the cluster's id and stands where the chart does not read it: `global.cluster.id (11)`. */
export function misplacedIds(values: Values): string[] {
  const walk = (of: Values, path: readonly string[]): string[] =>
    Object.entries(of).flatMap(([key, value]) => {
      const keys = [...path, key];
      if (isMapping(value)) return walk(value, keys);
      const whole = keys.join(".");
      const isId = /^cluster[-_]?id$/i.test(key) || /^cluster\.id$/i.test(keys.slice(-2).join("."));
      const isText = ["number", "string"].includes(typeof value) && String(value).length <= 20;
      return isId && isText && whole !== "cluster.id" ? [`${whole} (${String(value)})`] : [];
    });
  return walk(values, []);
}
