import { mergeValues } from "#harness/config/plan.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { Note } from "#harness/model/source-environment.ts";
import { isChartKey } from "#harness/semantics/chart-values.ts";
import type { ChartAround } from "./charts.ts";
import { mergeSet, withLists } from "./commands/set-values.ts";
import { unusedValue } from "./part.ts";
import { at } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Values for a chart around Cilium's, and where they are written. */
export interface AroundLayer {
  readonly place: string;
  readonly values: Values;
}

interface Inner {
  readonly values: Values;
  readonly notes: readonly Note[];
}

/**
 * Of values for a chart around Cilium's, those that Cilium's reads, and what is lost below a name that no dependency has.
 * Of `global`, which Helm gives to every chart, Cilium's reads nothing (templates of 1.18.6 to 1.20.2).
 */
export function innerValues({ table, dead, condition }: ChartAround, layers: readonly AroundLayer[]): Inner {
  const whole = withLists(layers.map((l) => l.values).reduce<Values>(mergeSet, {}));
  const own = isMapping(whole[table]) ? { ...whole[table] } : {};
  const key = condition?.startsWith(`${table}.`) === true ? condition.slice(table.length + 1) : undefined;
  if (key !== undefined && !isChartKey(key)) delete own[key];
  const lost = dead === undefined ? [] : layers.filter((l) => isMapping(l.values[dead]));
  const notes = lost.map((l): Note => {
    const values = l.values[dead ?? ""] as Values;
    const lost = shortList(leavesOf(values, dead ?? ""), 6);
    return unusedValue(
      `values below ${dead}`,
      `${l.place}: \`${dead}\` is the name of no dependency (its alias is \`${table}\`), so nobody reads ${lost}`,
    );
  });
  // An id that was written, and that nobody reads: the chart's default is in force.
  const meant = lost.some((l) => at(l.values, `${dead}.cluster.id`) !== undefined);
  const isNamed = at(own, "cluster.name") !== undefined && at(own, "cluster.id") === undefined;
  return { values: meant && isNamed ? mergeValues({ cluster: { id: 0 } }, own) : own, notes };
}

const leavesOf = (values: Values, path: string): string[] =>
  Object.entries(values).flatMap(([key, value]) =>
    isMapping(value) && Object.keys(value).length > 0
      ? leavesOf(value, `${path}.${key}`)
      : [`${path}.${key}${isMapping(value) || Array.isArray(value) ? "" : ` (${String(value)})`}`],
  );
