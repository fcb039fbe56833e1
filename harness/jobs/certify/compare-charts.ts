import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { renderChart } from "#harness/platform/helm.ts";

type Values = Record<string, unknown>;

export interface Charts {
  readonly helm: string;
  readonly from: { readonly chartDir: string; readonly values: Values };
  readonly to: { readonly chartDir: string; readonly values: Values };
  /** The operator's own values, whose keys the new chart must know. */
  readonly own: Values;
  /** The Kubernetes version for rendering. */
  readonly kubernetes: string;
  readonly signal: AbortSignal;
}

/** Settings that the upgrade changes, and values that the new chart does not know. */
export async function compareCharts(charts: Charts): Promise<string[]> {
  const [before, after] = await Promise.all([agentConfig(charts, "from"), agentConfig(charts, "to")]);
  const known = parseYaml(await readFile(join(charts.to.chartDir, "values.yaml"), "utf8")) as Values;
  return [...changedSettings(before, after), ...unknownValues(charts.own, known)];
}

/** The agents' ConfigMap as a chart renders it. */
async function agentConfig(charts: Charts, side: "from" | "to"): Promise<Readonly<Record<string, string>>> {
  const { chartDir, values } = charts[side];
  const objects = await renderChart({ ...charts, chartDir, values });
  const map = objects.find(
    (o) => o.kind === "ConfigMap" && (o.metadata as { name?: string }).name === "cilium-config",
  );
  return (map?.data ?? {}) as Record<string, string>;
}

/** One line per agent setting that the two charts render differently from the same values. */
export function changedSettings(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    if (was === is) return [];
    const short = (value: string | undefined): string =>
      value === undefined
        ? "not set"
        : value.length > 60
          ? `${value.slice(0, 60)}...`
          : JSON.stringify(value);
    const meaning =
      key === "policy-default-local-cluster"
        ? "; a policy without a cluster label then selects pods of its own cluster only"
        : "";
    return [`setting ${key}: ${short(was)} before, ${short(is)} after${meaning}`];
  });
}

/** Paths of the operator's values that are missing in the chart's values.yaml. Free-form maps accept any key. */
export function unknownValues(own: Values, known: Values, path = ""): string[] {
  return Object.entries(own).flatMap(([key, value]) => {
    const at = path === "" ? key : `${path}.${key}`;
    if (!(key in known)) return [`value ${at} is not known to the new chart: it no longer has an effect`];
    const [given, rendered] = [value, known[key]];
    if (!isMapping(given) || !isMapping(rendered) || Object.keys(rendered).length === 0) return [];
    return unknownValues(given, rendered, at);
  });
}

const isMapping = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);
