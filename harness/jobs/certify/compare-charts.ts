import { readFile } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { parse as parseYaml } from "yaml";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { renderChart } from "#harness/platform/helm.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { isChartValue } from "#harness/semantics/chart-values.ts";
import { defectOfMove } from "#harness/semantics/defect-of-move.ts";
import { usesEnvoy, withoutEnvoy } from "#harness/semantics/envoy-use.ts";
import { rowOf, settingFinding } from "#harness/semantics/setting-changes.ts";

type Values = Record<string, unknown>;
type Config = Readonly<Record<string, string>>;

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

/**
 * What an operator should know of a move, from the charts themselves: settings that it changes, values that neither
 * chart knows, and known defects of the versions with the settings that the charts render.
 */
export async function compareCharts(charts: Charts): Promise<CertificateFinding[]> {
  const [before, after] = await Promise.all([agentConfig(charts, "from"), agentConfig(charts, "to")]);
  const { ignored } = await unreadValues(charts);
  const [from, to] = await Promise.all([versionOf(charts.from.chartDir), versionOf(charts.to.chartDir)]);
  return [
    ...changedSettings(before, after, { from, to }),
    ...ignored.map(
      (path): CertificateFinding => ({
        id: "value-ignored",
        grade: "caution",
        message: `value ${path} is in neither chart's values.yaml: it has no effect, or one that the charts do not document`,
        remedy: `leave ${path} out, or correct its name`,
      }),
    ),
    ...(await defects({ from, to }, before, after)),
  ];
}

/**
 * Throws `config-invalid` for values that the new chart refuses, or that only the old one knows: an upgrade with them
 * would stop half-way, or silently lose a setting. Called before anything moves. `cluster` is named in the message.
 */
export async function requireNewValues(charts: Charts, cluster: string): Promise<void> {
  const version = await versionOf(charts.to.chartDir);
  const { lost } = await unreadValues(charts);
  if (lost.length > 0)
    throw new MeshproofError(
      "config-invalid",
      `the chart of Cilium ${version} ignores values of ${cluster}, which the present one reads: ${lost.join(", ")}`,
      { remedy: "set each to null in a --new-values file, beside the value that takes its place" },
    );
  try {
    await agentConfig(charts, "to");
  } catch (error) {
    throwIfAborted(charts.signal, "rendering the new chart");
    throw new MeshproofError(
      "config-invalid",
      `the chart of Cilium ${version} refuses the values of ${cluster}: ${messageOf(error)}`,
      { cause: error, remedy: "correct the value for the new version in a --new-values file" },
    );
  }
}

/** The agents' ConfigMap as a chart renders it. */
async function agentConfig(charts: Charts, side: "from" | "to"): Promise<Config> {
  const { chartDir, values } = charts[side];
  const objects = await renderChart({ ...charts, chartDir, values });
  const map = objects.find(
    (o) => o.kind === "ConfigMap" && (o.metadata as { name?: string }).name === "cilium-config",
  );
  return (map?.data ?? {}) as Record<string, string>;
}

const yamlOf = async (chartDir: string, file: string): Promise<Values> =>
  parseYaml(await readFile(join(chartDir, file), "utf8")) as Values;

const knownValues = ({ from, to }: Charts): Promise<[old: Values, known: Values]> =>
  Promise.all([yamlOf(from.chartDir, "values.yaml"), yamlOf(to.chartDir, "values.yaml")]);

/** Values that only the old chart reads, and those that neither does. Templates read some that no chart lists. */
async function unreadValues(charts: Charts): Promise<{ lost: string[]; ignored: string[] }> {
  const [old, known] = await knownValues(charts);
  const [from, to] = await Promise.all([versionOf(charts.from.chartDir), versionOf(charts.to.chartDir)]);
  const before = unknownValues(charts.own, old).filter((path) => !isChartValue(path, from));
  const after = unknownValues(charts.own, known).filter((path) => !isChartValue(path, to));
  return {
    lost: after.filter((path) => !before.includes(path)),
    ignored: after.filter((path) => before.includes(path)),
  };
}

const versionOf = async (chartDir: string): Promise<string> =>
  String((await yamlOf(chartDir, "Chart.yaml")).version).replace(/^v/, "");

/** The versions of the charts. */
interface Move {
  readonly from: string;
  readonly to: string;
}

/**
 * One finding for each agent setting that the two charts render differently from the same values. A lab's policies are the
 * suites' own, which use Envoy only where it is on.
 */
export function changedSettings(before: Config, after: Config, { from, to }: Move): CertificateFinding[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const isWithoutEnvoy = after["enable-l7-proxy"] === "false" && !usesEnvoy({ config: after }, []);
  return keys.flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    if (was === is) return [];
    const row = rowOf(key);
    const change = { before: was, after: is, ...(semver.lt(to, from) ? { isBack: true as const } : {}) };
    if (row === undefined) return [settingFinding(key, { ...change, row })];
    return [settingFinding(key, isWithoutEnvoy ? withoutEnvoy({ ...change, row }) : { ...change, row })];
  });
}

async function defects({ from, to }: Move, before: Config, after: Config): Promise<CertificateFinding[]> {
  return (await readKnownDefects(join(repoRoot(), "suites"))).flatMap(
    (defect) =>
      defectOfMove(defect, {
        name: "",
        before: { cilium: from, settings: before },
        after: { cilium: to, settings: after },
      }) ?? [],
  );
}

/**
 * Paths of the operator's values that are missing in a chart's values.yaml. Free-form maps accept any key, and null takes
 * a value away.
 */
export function unknownValues(own: Values, known: Values, path = ""): string[] {
  return Object.entries(own).flatMap(([key, value]) => {
    const at = path === "" ? key : `${path}.${key}`;
    if (value === null) return [];
    if (!(key in known)) return [at];
    const [given, rendered] = [value, known[key]];
    if (!isMapping(given) || !isMapping(rendered) || Object.keys(rendered).length === 0) return [];
    return unknownValues(given, rendered, at);
  });
}
