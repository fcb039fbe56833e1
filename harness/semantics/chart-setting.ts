/**
 * `meaning`: one value means another thing, or none; `default`: the chart sets what it did not set, or another value, and
 * that changes what Cilium does; `internal`: what Cilium does stays the same.
 */
export type ChangeKind = "meaning" | "default" | "internal";

/** A setting that has to have a value for the change to matter, with the chart's default of it. */
export interface OnlyWith {
  readonly setting?: string;
  readonly value: string;
  readonly is: string;
  readonly chart: string;
}

/** One setting whose default is not the same in all charts that were read. */
export interface ChartSetting {
  /** The key in cilium-config; absent for a value that the agents do not read. */
  readonly setting?: string;
  /** Path of the Helm value that sets it, if there is one. */
  readonly value?: string;
  /** What each chart writes without that value, from this version on until the next; null if it writes nothing. */
  readonly defaults: Readonly<Record<string, string | null>>;
  readonly kind: ChangeKind;
  readonly means: string;
  readonly onlyWith?: OnlyWith | readonly OnlyWith[];
  /** It matters only to what Envoy does. */
  readonly ofEnvoy?: true;
  /** The chart keeps the old default where `upgradeCompatibility` is below this minor. */
  readonly compatibleBelow?: string;
  /** The value, as YAML, that does what a chart without the setting did. */
  readonly keep?: string;
  /** From this release on the chart writes its default, whatever the value says. */
  readonly forced?: string;
  /** What a move back to the older default means, where it is not what `means` and `kind` say. */
  readonly back?: { readonly kind: ChangeKind; readonly means: string };
  readonly source: string;
}

export const configMap = (line: number, version = "1.20.2"): string =>
  `install/kubernetes/cilium/templates/cilium-configmap.yaml:${line} of ${version}`;
export const notes = (minor: string): string => `Documentation/operations, upgrade notes of ${minor}`;
export const since = (version: string, is: string): Record<string, string | null> => ({
  "1.18.6": null,
  [version]: is,
});
export const until = (version: string, was: string): Record<string, string | null> => ({
  "1.18.6": was,
  [version]: null,
});

const ifOn = (setting: string, value: string, chart = "false"): OnlyWith => ({
  setting,
  value,
  is: "true",
  chart,
});
export const withIngress = ifOn("enable-ingress-controller", "ingressController.enabled");
export const withProxy = ifOn("enable-l7-proxy", "l7Proxy", "true");
export const withGateways = ifOn("enable-gateway-api", "gatewayAPI.enabled");
export const withMcsApi = ifOn("clustermesh-enable-mcs-api", "clustermesh.mcsapi.enabled");
/** Nothing of it in cilium-config has one meaning in all releases. */
export const withEni: OnlyWith = { value: "eni.enabled", is: "true", chart: "false" };
const madeByChart: OnlyWith = {
  value: "clustermesh.apiserver.tls.auto.enabled",
  is: "true",
  chart: "true",
};
export const renewedByHelm: readonly OnlyWith[] = [
  madeByChart,
  { value: "clustermesh.apiserver.tls.auto.method", is: "helm", chart: "helm" },
];
export const renewedByJob: readonly OnlyWith[] = [
  madeByChart,
  { value: "clustermesh.useAPIServer", is: "true", chart: "false" },
  { value: "clustermesh.apiserver.tls.auto.method", is: "cronJob", chart: "helm" },
];
