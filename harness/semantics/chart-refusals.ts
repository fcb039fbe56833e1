import semver from "semver";
import { valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";

type Values = Readonly<Record<string, unknown>>;

/** A rule by which a chart stops with an error, as far as a mesh is likely to meet it. */
interface Refusal {
  readonly path: string;
  /** Semver range of the charts that have the rule. */
  readonly charts: string;
  readonly refuses: (value: unknown, values: Values) => boolean;
  readonly wants: string;
  readonly source: string;
}

const schema = "values.schema.json";
const isText = (value: unknown): boolean => typeof value === "string";
const isMapping = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const numbers = [
  "cluster.id",
  "clustermesh.maxConnectedClusters",
  "clustermesh.apiserver.replicas",
  "operator.replicas",
  "MTU",
  "tunnelPort",
  "healthPort",
];
const switches = [
  "ipv4.enabled",
  "ipv6.enabled",
  "clustermesh.useAPIServer",
  "clustermesh.config.enabled",
  "clustermesh.policyDefaultLocalCluster",
  "clustermesh.enableEndpointSliceSynchronization",
  "clustermesh.apiserver.kvstoremesh.enabled",
  "encryption.enabled",
  "hubble.enabled",
  "l7Proxy",
  "eni.enabled",
];

/** Checked by rendering the charts of 1.18.11, 1.19.4 and 1.20.2 with such values. */
const refusals: readonly Refusal[] = [
  ...numbers.map(
    (path): Refusal => ({
      path,
      charts: "*",
      refuses: isText,
      wants: "a number, not a text",
      source: schema,
    }),
  ),
  ...switches.map(
    (path): Refusal => ({
      path,
      charts: "*",
      refuses: isText,
      wants: "true or false, not a text",
      source: schema,
    }),
  ),
  {
    path: "kubeProxyReplacement",
    charts: ">=1.16.0",
    refuses: (value) => !["true", "false", ""].includes(String(value)),
    wants: "true or false",
    source: "templates/cilium-configmap.yaml:77 of 1.20.2",
  },
  {
    path: "clustermesh.config.clusters",
    charts: "<1.19.0",
    refuses: isMapping,
    wants: "a list, not a mapping",
    source: `${schema} of 1.18.11`,
  },
  ...["server", "admin", "remote"].map(
    (name): Refusal => ({
      path: `clustermesh.apiserver.tls.${name}.cert`,
      charts: ">=1.20.0",
      refuses: (value, values) =>
        value !== "" &&
        valueAt(values, "clustermesh.apiserver.tls.auto.enabled") === false &&
        valueAt(values, "clustermesh.useAPIServer") === true,
      wants: "certificates in Secrets that exist before, or tls.auto.enabled",
      source: "templates/validate.yaml:214 of 1.20.2",
    }),
  ),
  {
    path: "ipam.mode",
    charts: ">=1.20.0",
    refuses: (value, values) => value === "eni" && valueAt(values, "eni.enabled") !== true,
    wants: "eni.enabled: true beside it",
    source: "templates/validate.yaml:257 of 1.20.2",
  },
  {
    path: "authentication.mutual.spire.enabled",
    charts: ">=1.19.0",
    refuses: (value, values) => value === true && valueAt(values, "authentication.enabled") !== true,
    wants: "beside authentication.enabled: true, which is no longer the default",
    source: "templates/validate.yaml:140 of 1.20.2",
  },
  {
    path: "cluster.name",
    charts: "*",
    refuses: (value, values) =>
      !/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(String(value)) ||
      (value === "default" && Number(valueAt(values, "cluster.id") ?? 0) !== 0),
    wants: "at most 32 lower-case letters, digits and '-', and not the chart's default",
    source: "templates/validate.yaml:160 of 1.20.2",
  },
  {
    path: "clustermesh.maxConnectedClusters",
    charts: "*",
    refuses: (value) => ![255, 511].includes(Number(value)),
    wants: "255 or 511",
    source: "templates/validate.yaml:219 of 1.20.2",
  },
  {
    path: "routingMode",
    charts: "*",
    refuses: (value, values) =>
      value === "native" &&
      ["ipv4.enabled", "enableIPv4Masquerade"].every((path) => valueAt(values, path) !== false) &&
      valueAt(values, "ipMasqAgent.enabled") !== true &&
      !["eni", "alibabacloud"].includes(String(valueAt(values, "ipam.mode"))) &&
      [undefined, null, ""].includes(valueAt(values, "ipv4NativeRoutingCIDR") as string | null | undefined) &&
      valueAt(values, "nativeRoutingCIDRFromClusterPool") !== true,
    wants: "beside ipv4NativeRoutingCIDR",
    source: "templates/cilium-configmap.yaml:563 of 1.20.2",
  },
  {
    path: "bpf.tproxy",
    charts: ">=1.19.0",
    refuses: (value, values) =>
      value === true && /^netkit(-l2)?$/.test(String(valueAt(values, "bpf.datapathMode"))),
    wants: "false, or bpf.datapathMode: veth",
    source: "templates/validate.yaml:250 of 1.20.2",
  },
];

const typeOf = (value: unknown): string =>
  isMapping(value)
    ? "a mapping"
    : Array.isArray(value)
      ? "a list"
      : isText(value)
        ? `the text ${JSON.stringify(String(value).slice(0, 40))}`
        : String(value);

/** Values, as they are written, with which the chart of a version stops. */
export const refusedValues = (values: Values, to: string): CertificateFinding[] =>
  refusals.flatMap(({ path, charts, refuses, wants, source }) => {
    const value = valueAt(values, path);
    if (value === undefined || value === null || !semver.satisfies(to, charts) || !refuses(value, values))
      return [];
    return [
      {
        id: "value-refused",
        grade: "serious" as const,
        message: `the chart of Cilium ${to} refuses value ${path}, which is ${typeOf(value)}: it must be ${wants} (${source})`,
        remedy: `change ${path} in the values for ${to}`,
      },
    ];
  });
