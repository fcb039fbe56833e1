import semver from "semver";
import { present } from "#harness/lib/present.ts";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import { type ChangeKind, type ChartSetting, chartSettings, type OnlyWith } from "./chart-settings.ts";
import { isChartValue, typesOf } from "./chart-values.ts";
import { flagLack } from "./flags.ts";
import { chartsAround } from "./releases-read.ts";

/** A cluster's Helm values and cilium-config, as far as they are known. */
export interface ClusterSettings {
  /** Undefined if no values were given: then a setting may be the chart's or the operator's. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, string>>;
}

export interface SettingChange {
  readonly row: ChartSetting;
  /** Undefined: not set. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Why the change is not certain. */
  readonly perhaps?: string;
  /** Whether the new chart has the row's value; where this is not given, a chart that writes the setting has it. */
  readonly canKeep?: boolean;
  /** A move to an older version. */
  readonly isBack?: true;
}

type Written = string | undefined;

/**
 * What a version's chart writes by default: one answer, or two for a release between two that were read and differ.
 * Releases before and after those of a minor count as the nearest one.
 */
export function defaultsOf({ defaults }: ChartSetting, version: string): readonly Written[] {
  const written = chartsAround(version).flatMap((chart) => {
    const from = Object.keys(defaults).findLast((v) => semver.lte(v, chart));
    return from === undefined ? [] : [defaults[from] ?? undefined];
  });
  return [...new Set(written)];
}

/** Whether the charts of a version's minor are in the table. */
export const isKnownChart = (version: string): boolean => chartsAround(version).length > 0;

const textOf = (value: unknown): Written =>
  value === undefined || value === null ? undefined : Array.isArray(value) ? value.join(" ") : String(value);

/** What a cluster has of a setting: from cilium-config, else from its values, else the chart's default. */
export function readSetting(
  { setting, value, chart }: Pick<OnlyWith, "setting" | "value"> & { readonly chart: Written },
  { values, config }: ClusterSettings,
): Written {
  const extra = setting === undefined ? undefined : textOf(valueAt(values ?? {}, `extraConfig.${setting}`));
  const inConfig = setting === undefined ? undefined : config?.[setting];
  return inConfig ?? extra ?? textOf(valueAt(values ?? {}, value)) ?? chart;
}

const holds = (conditions: ChartSetting["onlyWith"] = [], of: ClusterSettings): boolean =>
  [conditions].flat().every((condition) => readSetting(condition, of) === condition.is);

/** `upgradeCompatibility` asks the chart for the defaults of an older minor. */
function isCompatibleBelow(minor: string, { values }: ClusterSettings): boolean {
  const asked = semver.coerce(textOf(valueAt(values ?? {}, "upgradeCompatibility")));
  return asked !== null && semver.lt(asked, `${minor}.0`);
}

/** Settings that a move between two versions changes in a cluster whose values stay as they are. */
export function settingChanges(from: string, to: string, of: ClusterSettings): SettingChange[] {
  return chartSettings.flatMap((row) => changeOf(row, { from, to }, of) ?? []);
}

interface Move {
  readonly from: string;
  readonly to: string;
}

function changeOf(row: ChartSetting, move: Move, of: ClusterSettings): SettingChange | undefined {
  const { from, to } = move;
  const [was, will] = [defaultsOf(row, from), defaultsOf(row, to)];
  const isSame = was.length === 1 && will.length === 1 && was[0] === will[0];
  if (isSame || was.length === 0 || will.length === 0 || !holds(row.onlyWith, of)) return undefined;
  if (row.compatibleBelow !== undefined && isCompatibleBelow(row.compatibleBelow, of)) return undefined;
  // The chart copies these into cilium-config, whatever it writes itself.
  if (row.setting !== undefined && valueAt(of.values ?? {}, `extraConfig.${row.setting}`) !== undefined)
    return undefined;
  if (row.forced !== undefined) return forcedChange(row, move, of);
  const set = row.value === undefined ? undefined : valueAt(of.values ?? {}, row.value);
  const after = will.at(-1);
  // Its own value stays, as long as the chart has it.
  const canKeep = hasValue(row, to);
  const isKept = after !== undefined || canKeep;
  if (set !== undefined && set !== null && (isKept || textOf(set) === was[0])) return undefined;
  const now = row.setting === undefined || of.config === undefined ? was[0] : of.config[row.setting];
  const before = set === undefined || set === null ? now : textOf(set);
  if (before === after && was.length === 1) return undefined;
  const isOwn = of.values === undefined && of.config !== undefined && !was.includes(before);
  const isUnread = of.values === undefined && row.setting === undefined;
  const between = was.length > 1 || will.length > 1;
  const perhaps = isOwn
    ? "unless your values set it: no values were given, and what it is now is not the chart's default"
    : isUnread
      ? "unless your values set it: no values were given"
      : between
        ? "the chart of that very release was not read; those around it differ"
        : undefined;
  return { row, before, after, canKeep, ...present({ perhaps, isBack: isBack(move) }) };
}

const isBack = ({ from, to }: Move): true | undefined => (semver.lt(to, from) ? true : undefined);

/** Whether the chart of a version reads the value of a setting, and its programs have the setting. */
const hasValue = ({ value, setting = "" }: ChartSetting, version: string): boolean =>
  value !== undefined && isChartValue(value, version) && flagLack(setting, version) === undefined;

/** Whether a version's chart writes the default of a setting whatever its value says. */
const isForced = ({ forced }: ChartSetting, version: string): boolean =>
  forced !== undefined && semver.gte(version, forced);

function forcedChange(row: ChartSetting, move: Move, of: ClusterSettings): SettingChange | undefined {
  const { from, to } = move;
  const own = row.value === undefined ? undefined : textOf(valueAt(of.values ?? {}, row.value));
  const writes = (version: string, chart: Written): Written =>
    isForced(row, version) ? chart : (own ?? chart);
  const before =
    of.config === undefined ? writes(from, defaultsOf(row, from)[0]) : of.config[row.setting ?? ""];
  const after = writes(to, defaultsOf(row, to).at(-1));
  if (before === after) return undefined;
  const isOpen = of.values === undefined && !isForced(row, to);
  const perhaps = isOpen ? "unless your values set it: no values were given" : undefined;
  const canKeep = !isForced(row, to) && hasValue(row, to);
  return { row, before, after, canKeep, ...present({ perhaps, isBack: isBack(move) }) };
}

/** The settings of cilium-config after a move. */
export function settingsAfter(
  config: Readonly<Record<string, string>>,
  changes: readonly SettingChange[],
): Record<string, string> {
  const after: Record<string, string> = { ...config };
  for (const { row, after: value } of changes)
    if (row.setting !== undefined) {
      if (value === undefined) delete after[row.setting];
      else after[row.setting] = value;
    }
  return after;
}

/** Settings that other rules ask about and that no chart changes by default. */
const asked: readonly (Pick<OnlyWith, "value" | "chart"> & { readonly setting: string })[] = [
  { setting: "enable-l7-proxy", value: "l7Proxy", chart: "true" },
  { setting: "enable-gateway-api", value: "gatewayAPI.enabled", chart: "false" },
  { setting: "mesh-auth-mutual-enabled", value: "authentication.mutual.spire.enabled", chart: "false" },
  {
    setting: "clustermesh-enable-endpoint-sync",
    value: "clustermesh.enableEndpointSliceSynchronization",
    chart: "false",
  },
  { setting: "cluster-name", value: "cluster.name", chart: "default" },
  { setting: "cluster-id", value: "cluster.id", chart: "0" },
  { setting: "kube-proxy-replacement", value: "kubeProxyReplacement", chart: "false" },
  { setting: "enable-node-selector-labels", value: "nodeSelectorLabels", chart: "false" },
  { setting: "enable-bgp-control-plane", value: "bgpControlPlane.enabled", chart: "false" },
  { setting: "identity-allocation-mode", value: "identityAllocationMode", chart: "crd" },
  { setting: "enable-cilium-endpoint-slice", value: "ciliumEndpointSlice.enabled", chart: "false" },
];

/** Settings that charts write as "true" where one of several values asks for it; templates/cilium-configmap.yaml of 1.20.2. */
const askedBy: readonly {
  readonly setting: string;
  readonly by: (is: (value: string) => unknown) => boolean;
}[] = [
  {
    setting: "enable-wireguard",
    by: (is) => is("encryption.enabled") === true && is("encryption.type") === "wireguard",
  },
  {
    setting: "enable-endpoint-routes",
    by: (is) =>
      ["endpointRoutes", "eni", "azure", "alibabacloud", "gke"].some((of) => is(`${of}.enabled`) === true),
  },
  {
    setting: "enable-local-redirect-policy",
    by: (is) => is("localRedirectPolicies.enabled") === true || is("localRedirectPolicy") === true,
  },
  {
    // The second one up to 1.19.
    setting: "clustermesh-enable-mcs-api",
    by: (is) => is("clustermesh.mcsapi.enabled") === true || is("clustermesh.enableMCSAPISupport") === true,
  },
];

/** Settings that charts write only where a value asks for them. */
const ifGiven: readonly (Pick<OnlyWith, "value"> & { readonly setting: string })[] = [
  { setting: "policy-cidr-match-mode", value: "policyCIDRMatchMode" },
];

/** cilium-config as it was read; else as far as values and the chart's defaults tell it. */
export function knownConfig(version: string, of: ClusterSettings): Record<string, string> {
  if (of.config !== undefined) return { ...of.config };
  const config: Record<string, string> = {};
  for (const row of chartSettings) {
    const { setting, value = "" } = row;
    if (setting === undefined) continue;
    const chart = holds(row.onlyWith, of) ? defaultsOf(row, version)[0] : undefined;
    const isFixed = chart !== undefined && isForced(row, version);
    const is = isFixed ? chart : readSetting({ setting, value, chart }, of);
    if (is !== undefined) config[setting] = is;
  }
  for (const row of asked) config[row.setting] = readSetting(row, of) ?? row.chart;
  for (const row of ifGiven) {
    const is = readSetting({ ...row, chart: undefined }, of);
    if (is !== undefined && is !== "") config[row.setting] = is;
  }
  for (const { setting, by } of askedBy)
    config[setting] = String(by((value) => valueAt(of.values ?? {}, value)));
  const extra = valueAt(of.values ?? {}, "extraConfig");
  if (typeof extra === "object" && extra !== null)
    for (const [key, value] of Object.entries(extra)) config[key] = String(value);
  return config;
}

/** docs/guides/certify.md has this table. */
const gradeOfKind: Readonly<Record<ChangeKind, Grade>> = {
  meaning: "caution",
  default: "caution",
  internal: "information",
};

export const rowOf = (setting: string): ChartSetting | undefined =>
  chartSettings.find((row) => row.setting === setting);

const idOfKind: Readonly<Record<ChangeKind, string>> = {
  meaning: "setting-changes-meaning",
  default: "setting-new-default",
  internal: "setting-internal",
};

const shown = (value: Written): string =>
  value === undefined
    ? "not set"
    : value.length > 60
      ? `${JSON.stringify(value.slice(0, 60))}...`
      : JSON.stringify(value);

/** A value as it is written in YAML: a chart refuses `"false"` where it takes true or false. */
function asYaml(path: string, value: string): string {
  const types = typesOf(path);
  return types.length === 0 || types.includes("string") ? JSON.stringify(value) : value;
}

/** How to keep what a cluster has now. */
function keeping({ row, before, after, canKeep = after !== undefined }: SettingChange): string {
  const { value, keep, setting, forced } = row;
  // The chart copies these into cilium-config after all others.
  if (forced !== undefined && after === Object.values(row.defaults).at(-1))
    return `to keep what you have, set extraConfig.${setting}: ${before === undefined ? keep : JSON.stringify(before)}`;
  if (value === undefined || !canKeep)
    return "prepare for it: the new chart has no value that keeps what you have";
  if (before !== undefined) return `to keep what you have, set ${value}: ${asYaml(value, before)}`;
  return keep === undefined
    ? `set ${value} if you want another value`
    : `to keep what you have, set ${value}: ${keep}`;
}

/** What a changed setting means for an operator; `row` is absent for one that the table does not have. */
export function settingFinding(
  name: string,
  { row, ...change }: Omit<SettingChange, "row"> & { readonly row: ChartSetting | undefined },
): CertificateFinding {
  const { before, after, perhaps } = change;
  const what = row !== undefined && row.setting === undefined ? "default of value" : "setting";
  const changed = `${what} ${name}: ${shown(before)} before, ${shown(after)} after`;
  if (row === undefined)
    return {
      id: "setting-unknown",
      grade: "caution",
      message: `${changed}; what this means is not in the table of settings`,
      remedy: "look it up in Cilium's upgrade notes, or set its value to keep what you have",
    };
  // A value of the operator's own that the chart no longer writes is lost.
  const isLost = after === undefined && before !== undefined && !Object.values(row.defaults).includes(before);
  const { kind: ofRow, means } = change.isBack === true && row.back !== undefined ? row.back : row;
  const kind = isLost ? "meaning" : ofRow;
  return {
    id: idOfKind[kind],
    grade: gradeOfKind[kind],
    message: `${changed}${means === "" ? "" : `; ${means}`}${perhaps === undefined ? "" : ` (${perhaps})`} (${row.source})`,
    ...(kind === "internal" ? {} : { remedy: keeping({ row, ...change }) }),
  };
}

/** One finding for each change. */
export const settingFindings = (changes: readonly SettingChange[]): CertificateFinding[] =>
  changes.map((c) => settingFinding(c.row.setting ?? c.row.value ?? "", c));
