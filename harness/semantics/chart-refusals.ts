import semver from "semver";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { isReplaced, wrongTypes } from "./chart-values.ts";

type Values = Readonly<Record<string, unknown>>;

/** A rule by which a chart stops with an error, or agents do, as far as a mesh is likely to meet it. */
interface Refusal {
  readonly path: string;
  /** Semver range of the charts that have the rule. */
  readonly charts: string;
  readonly refuses: (value: unknown, values: Values) => boolean;
  /** Follows `the chart of Cilium 1.20.2 refuses value a.b, which is x: `. */
  readonly wants: string;
  readonly remedy: string;
  readonly source: string;
  /** The chart takes the value, and agents do not start with it. */
  readonly byAgents?: boolean;
}

const isUnset = (value: unknown): boolean =>
  [undefined, null, ""].includes(value as string | null | undefined);

const oneOf = (path: string, words: readonly string[], source: string): Refusal => ({
  path,
  charts: "*",
  refuses: (value) => value !== "" && !words.includes(String(value)),
  wants: `it must be one of ${words.join(", ")}`,
  remedy: `set ${path} to one of them`,
  source,
});

/** Addresses of such pods belong to the cloud's network. */
const isCloudIpam = (values: Values): boolean =>
  ["eni", "alibabacloud"].includes(String(valueAt(values, "ipam.mode")));

const withoutNativeCidr =
  (family: "4" | "6") =>
  (value: unknown, values: Values): boolean =>
    value === "native" &&
    (family === "4"
      ? valueAt(values, "ipv4.enabled") !== false && !isCloudIpam(values)
      : valueAt(values, "ipv6.enabled") === true) &&
    valueAt(values, `enableIPv${family}Masquerade`) !== false &&
    valueAt(values, "ipMasqAgent.enabled") !== true &&
    isUnset(valueAt(values, `ipv${family}NativeRoutingCIDR`)) &&
    valueAt(values, "nativeRoutingCIDRFromClusterPool") !== true;

/** Checked by rendering the charts of 1.18.11, 1.19.4 and 1.20.2 with such values. */
const refusals: readonly Refusal[] = [
  {
    path: "kubeProxyReplacement",
    charts: ">=1.16.0",
    refuses: (value) => !["true", "false", ""].includes(String(value)),
    wants: "it must be true or false",
    remedy:
      "write kubeProxyReplacement: true in place of strict, and false in place of disabled, probe or partial",
    source: "templates/cilium-configmap.yaml:77 of 1.20.2",
  },
  ...["server", "admin", "remote"].map(
    (name): Refusal => ({
      path: `clustermesh.apiserver.tls.${name}.cert`,
      charts: ">=1.20.0",
      refuses: (value, values) =>
        value !== "" &&
        valueAt(values, "clustermesh.apiserver.tls.auto.enabled") === false &&
        valueAt(values, "clustermesh.useAPIServer") === true,
      wants: "it takes no certificates in values",
      remedy: `put them into Secrets (clustermesh-apiserver-${name}-cert, with tls.crt, tls.key and ca.crt), and leave out clustermesh.apiserver.tls.${name}; or set clustermesh.apiserver.tls.auto.enabled: true`,
      source: "templates/validate.yaml:214 of 1.20.2",
    }),
  ),
  {
    path: "ipam.mode",
    charts: ">=1.20.0",
    refuses: (value, values) => value === "eni" && valueAt(values, "eni.enabled") !== true,
    wants: "it needs eni.enabled: true beside it",
    remedy: "set eni.enabled: true",
    source: "templates/validate.yaml:257 of 1.20.2",
  },
  {
    path: "authentication.mutual.spire.enabled",
    charts: ">=1.19.0",
    refuses: (value, values) => value === true && valueAt(values, "authentication.enabled") !== true,
    wants: "it needs authentication.enabled: true beside it, which is no longer the default",
    remedy: "set authentication.enabled: true",
    source: "templates/validate.yaml:140 of 1.20.2",
  },
  {
    path: "cluster.name",
    charts: "*",
    refuses: (value, values) =>
      !/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(String(value)) ||
      (value === "default" && Number(valueAt(values, "cluster.id") ?? 0) !== 0),
    wants: "it must be at most 32 lower-case letters, digits and '-', and not the chart's default",
    remedy: "give the cluster another cluster.name; its peers must list it by that name",
    source: "templates/validate.yaml:160 of 1.20.2",
  },
  {
    path: "clustermesh.maxConnectedClusters",
    charts: "*",
    refuses: (value) => ![255, 511].includes(Number(value)),
    wants: "it must be 255 or 511",
    remedy: "write clustermesh.maxConnectedClusters: 255 or 511, the same in all clusters",
    source: "templates/validate.yaml:219 of 1.20.2",
  },
  ...(["4", "6"] as const).map(
    (family): Refusal => ({
      path: "routingMode",
      charts: "*",
      refuses: withoutNativeCidr(family),
      wants: `it needs ipv${family}NativeRoutingCIDR beside it`,
      remedy: `set ipv${family}NativeRoutingCIDR to a CIDR that contains the pods of all clusters`,
      source: `templates/cilium-configmap.yaml:${family === "4" ? 563 : 569} of 1.20.2`,
    }),
  ),
  {
    path: "cluster.id",
    charts: "*",
    refuses: (value, values) =>
      Number(value) % 256 >= 128 &&
      (valueAt(values, "eni.enabled") === true ||
        valueAt(values, "alibabacloud.enabled") === true ||
        valueAt(values, "cni.chainingMode") === "aws-cni") &&
      String(valueAt(values, "extraConfig.allow-unsafe-policy-skb-usage")) !== "true",
    wants: "with ENI, Alibaba Cloud or chaining to aws-cni it must be below 128 (or from 256 to 383)",
    remedy: "give the cluster a lower id; every pod of the cluster must restart to have its identity",
    source: "templates/validate.yaml:168 of 1.20.2",
  },
  {
    path: "clustermesh.apiserver.tls.auto.method",
    charts: "*",
    refuses: (value, values) =>
      value === "certmanager" &&
      valueAt(values, "clustermesh.useAPIServer") === true &&
      valueAt(values, "clustermesh.apiserver.tls.auto.enabled") !== false &&
      isEmpty(valueAt(values, "clustermesh.apiserver.tls.auto.certManagerIssuerRef")),
    wants: "it needs certManagerIssuerRef beside it",
    remedy: "set clustermesh.apiserver.tls.auto.certManagerIssuerRef to the issuer of the mesh's CA",
    source: "templates/validate.yaml:96 of 1.20.2",
  },
  {
    path: "disableEndpointCRD",
    charts: "*",
    refuses: (value, values) =>
      value === true &&
      valueAt(values, "clustermesh.useAPIServer") === true &&
      valueAt(values, "identityAllocationMode") !== "kvstore",
    wants: "clustermesh-apiserver reads the CiliumEndpoints that it turns off",
    remedy: "set disableEndpointCRD: false",
    source: "templates/validate.yaml:181 of 1.20.2",
  },
  {
    path: "hubble.relay.enabled",
    charts: "*",
    refuses: (value, values) => value === true && valueAt(values, "hubble.enabled") === false,
    wants: "it needs hubble.enabled: true beside it",
    remedy: "set hubble.enabled: true, or hubble.relay.enabled: false",
    source: "templates/validate.yaml:71 of 1.20.2",
  },
  {
    path: "hubble.ui.enabled",
    charts: "*",
    refuses: (value, values) =>
      value === true &&
      valueAt(values, "hubble.relay.enabled") !== true &&
      valueAt(values, "hubble.ui.standalone.enabled") !== true,
    wants: "it needs hubble.relay.enabled: true beside it",
    remedy: "set hubble.relay.enabled: true, or hubble.ui.enabled: false",
    source: "templates/validate.yaml:61 of 1.20.2",
  },
  oneOf(
    "clustermesh.apiserver.tls.authMode",
    ["legacy", "migration", "cluster"],
    "templates/clustermesh-apiserver/deployment.yaml:3 of 1.20.2",
  ),
  oneOf(
    "clustermesh.apiserver.kvstoremesh.kvstoreMode",
    ["internal", "external"],
    "templates/validate.yaml:174 of 1.20.2",
  ),
  {
    path: "autoDirectNodeRoutes",
    // Before, `tunnel: disabled` stood for native routing.
    charts: ">=1.15.0",
    refuses: (value, values) => {
      const mode = valueAt(values, "routingMode");
      return value === true && mode !== "native" && !isReplaced(mode);
    },
    wants: "it needs routingMode: native beside it, because tunnels need no routes",
    remedy: "set routingMode: native, or autoDirectNodeRoutes: false",
    source: "daemon/cmd/daemon_main.go:1067 of 1.20.2",
    byAgents: true,
  },
  { ...oneOf("routingMode", ["tunnel", "native"], "pkg/option/config.go:2241 of 1.20.2"), byAgents: true },
  {
    ...oneOf("tunnelProtocol", ["vxlan", "geneve"], "pkg/datapath/tunnel/tunnel.go:308 of 1.20.2"),
    byAgents: true,
  },
  {
    path: "bpf.tproxy",
    charts: ">=1.19.0",
    refuses: (value, values) =>
      value === true && /^netkit(-l2)?$/.test(String(valueAt(values, "bpf.datapathMode"))),
    wants: "netkit cannot have it",
    remedy: "set bpf.tproxy: false, or bpf.datapathMode: veth",
    source: "templates/validate.yaml:250 of 1.20.2",
  },
];

const isEmpty = (value: unknown): boolean =>
  isUnset(value) || (isMapping(value) && Object.keys(value).length === 0);

const typeOf = (value: unknown): string =>
  isMapping(value)
    ? "a mapping"
    : Array.isArray(value)
      ? "a list"
      : typeof value !== "string"
        ? String(value)
        : // A value at such a place may be a key.
          value.length > 40
          ? "a long text"
          : `the text ${JSON.stringify(value)}`;

const nameOf: Readonly<Record<string, string>> = {
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  string: "a text",
  array: "a list",
  object: "a mapping",
};

const namesOf = (wants: readonly string[]): string =>
  wants
    .filter((w) => w !== "null")
    .map((w) => nameOf[w] ?? w)
    .join(" or ");

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

/** The value in a type that the chart takes, as YAML; undefined if nobody but the operator can know it. */
function rewritten(value: unknown, wants: readonly string[]): string | undefined {
  if (typeof value === "string") {
    const truth = truths[value.toLowerCase()];
    if (wants.includes("boolean") && truth !== undefined) return `${truth} (no quotes)`;
    if (wants.some((w) => ["integer", "number"].includes(w)) && /^-?\d+$/.test(value))
      return `${value} (no quotes)`;
    if (wants.includes("array") && value.length <= 40) return JSON.stringify([value]);
    const word = wants.find((w) => w.toLowerCase() === JSON.stringify(value.toLowerCase()));
    if (word !== undefined) return word;
  }
  if (["number", "boolean"].includes(typeof value) && wants.includes("string"))
    return `${JSON.stringify(String(value))} (with quotes)`;
  return undefined;
}

function byType(values: Values, to: string): (CertificateFinding & { readonly path: string })[] {
  return wrongTypes(values, to).map(({ path, value, wants }) => {
    const right = rewritten(value, wants);
    const isNeverSet = wants.every((w) => w === "null");
    const change = isNeverSet
      ? `leave out ${path}`
      : right === undefined
        ? `make ${path} ${namesOf(wants)}`
        : `write ${path}: ${right}`;
    return {
      path,
      id: "value-refused",
      grade: "serious",
      message: `the chart of Cilium ${to} refuses value ${path}, which is ${typeOf(value)}: ${isNeverSet ? "it takes none there" : `it must be ${namesOf(wants)}`} (values.schema.json)`,
      remedy: `in the values for ${to}, ${change}`,
    };
  });
}

interface Refused {
  readonly rule: Refusal;
  readonly value: unknown;
}

/** The rules that a version has, and values break. */
const broken = (values: Values, version: string): Refused[] =>
  refusals.flatMap((rule): Refused[] => {
    const value = valueAt(values, rule.path);
    if (value === undefined || value === null || isReplaced(value)) return [];
    return semver.satisfies(version, rule.charts) && rule.refuses(value, values) ? [{ rule, value }] : [];
  });

/** Values that the chart of a version takes, and with which its agents do not start. */
export const agentRefusals = (
  values: Values,
  version: string,
): { readonly path: string; readonly value: unknown; readonly wants: string }[] =>
  broken(values, version).flatMap(({ rule: { path, wants, byAgents }, value }) =>
    byAgents === true ? [{ path, value, wants }] : [],
  );

/** Values, as they are written, with which the chart of a version stops, or its agents. */
export function refusedValues(values: Values, to: string): CertificateFinding[] {
  const wrong = byType(values, to);
  const known = new Set(wrong.map((w) => w.path));
  const byRule = broken(values, to).flatMap(({ rule, value }): CertificateFinding[] => {
    if (known.has(rule.path)) return [];
    const who =
      rule.byAgents === true
        ? `agents of Cilium ${to} do not start with`
        : `the chart of Cilium ${to} refuses`;
    return [
      {
        id: "value-refused",
        grade: "serious",
        message: `${who} value ${rule.path}, which is ${typeOf(value)}: ${rule.wants} (${rule.source})`,
        remedy: rule.remedy,
      },
    ];
  });
  return [...wrong.map(({ path: _, ...finding }) => finding), ...byRule];
}
