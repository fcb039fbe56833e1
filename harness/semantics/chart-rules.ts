import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import { isReplaced } from "./chart-values.ts";
import { isNativeCidrOfPools } from "./cluster-pool.ts";

export type Values = Readonly<Record<string, unknown>>;

/** A rule by which a chart stops with an error, or agents do, as far as a mesh is likely to meet it. */
export interface Refusal {
  readonly path: string;
  /** Semver range of the charts that have the rule. */
  readonly charts: string;
  readonly refuses: (value: unknown, values: Values) => boolean;
  /** Follows `the chart of Cilium 1.20.2 refuses value a.b, which is x: `. */
  readonly wants: string;
  readonly remedy: string;
  readonly source: string;
  /** The chart takes the value, and these do not start with it, or nothing works by it. */
  readonly by?: "agents" | "operator" | "nothing";
  /** What of the value is wrong, where it is not all of it. */
  readonly shown?: (value: unknown) => string;
}

const isUnset = (value: unknown): boolean =>
  [undefined, null, ""].includes(value as string | null | undefined);

const isEmpty = (value: unknown): boolean =>
  isUnset(value) || (isMapping(value) && Object.keys(value).length === 0);

/** Of a list: null or empty. */
const isNothing = (value: unknown): boolean => isEmpty(value) || (Array.isArray(value) && value.length === 0);

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
    isUnset(valueAt(values, `ipv${family}NativeRoutingCIDR`));

const apiserver = "clustermesh.apiserver";

/** Identities are in the kvstore only: the chart's helper `identityAllocationCRD` in templates/_helpers.tpl. */
const isKvstoreOnly = (values: Values): boolean => valueAt(values, "identityAllocationMode") === "kvstore";

const external = (
  refuses: (values: Values) => boolean,
  rule: Pick<Refusal, "wants" | "remedy"> & { readonly line: number },
): Refusal => ({
  path: `${apiserver}.kvstoremesh.kvstoreMode`,
  charts: "*",
  refuses: (value, values) => value === "external" && refuses(values),
  wants: rule.wants,
  remedy: rule.remedy,
  source: `templates/validate.yaml:${rule.line} of 1.20.2`,
});

const meshRules: readonly Refusal[] = [
  {
    path: `${apiserver}.kvstoremesh.enabled`,
    charts: "*",
    refuses: (value, values) =>
      value === false && valueAt(values, "clustermesh.useAPIServer") === true && isKvstoreOnly(values),
    wants: "with identityAllocationMode: kvstore clustermesh-apiserver is nothing but KVStoreMesh",
    remedy: `set ${apiserver}.kvstoremesh.enabled: true, or clustermesh.useAPIServer: false and name the kvstores of the other clusters in clustermesh.config`,
    source: "templates/validate.yaml:186 of 1.20.2",
  },
  external((values) => valueAt(values, "clustermesh.useAPIServer") !== true, {
    wants: "it needs clustermesh.useAPIServer: true beside it",
    remedy: "set clustermesh.useAPIServer: true, or leave kvstoreMode out",
    line: 192,
  }),
  external((values) => valueAt(values, `${apiserver}.kvstoremesh.enabled`) === false, {
    wants: "it needs KVStoreMesh",
    remedy: `set ${apiserver}.kvstoremesh.enabled: true, or leave kvstoreMode out`,
    line: 195,
  }),
  external((values) => String(valueAt(values, `${apiserver}.replicas`) ?? 1) !== "1", {
    wants: "it allows only one replica of clustermesh-apiserver",
    remedy: `set ${apiserver}.replicas: 1`,
    line: 198,
  }),
  external(
    (values) =>
      !["kvstore", "doublewrite-readkvstore", "doublewrite-readcrd"].includes(
        String(valueAt(values, "identityAllocationMode")),
      ),
    {
      wants: "it needs identities in the kvstore (identityAllocationMode)",
      remedy: `set identityAllocationMode: kvstore, or ${apiserver}.kvstoremesh.kvstoreMode: internal`,
      line: 201,
    },
  ),
];

/** The chart's default is on. */
const isNotOff = (values: Values, ...paths: string[]): boolean =>
  paths.every((path) => valueAt(values, path) !== false);

const needsProxy = (values: Values): boolean =>
  ["ingressController", "gatewayAPI"].some((of) => valueAt(values, `${of}.enabled`) === true) ||
  valueAt(values, "loadBalancer.l7.backend") === "envoy";

const otherRules: readonly Refusal[] = [
  {
    path: "k8sServiceHost",
    charts: "*",
    refuses: (value, values) =>
      !isUnset(value) &&
      ["name", "key"].every((key) => !isUnset(valueAt(values, `k8sServiceHostRef.${key}`))),
    wants: "k8sServiceHostRef says it too, and only one of them may",
    remedy: "leave out one of them",
    source: "templates/validate.yaml:55 of 1.20.2",
  },
  {
    path: "l7Proxy",
    charts: "*",
    refuses: (value, values) => value === false && needsProxy(values),
    wants: "ingress, Gateway API and Envoy as a load balancer need the proxy",
    remedy: "set l7Proxy: true, or turn off ingressController, gatewayAPI and loadBalancer.l7.backend",
    source: "templates/validate.yaml:115 of 1.20.2",
  },
  {
    path: "ciliumEndpointSlice.enabled",
    charts: "*",
    refuses: (value, values) => value === true && valueAt(values, "disableEndpointCRD") === true,
    wants: "it needs the CiliumEndpoints that disableEndpointCRD turns off",
    remedy: "set disableEndpointCRD: false, or ciliumEndpointSlice.enabled: false",
    source: "templates/validate.yaml:147 of 1.20.2",
  },
  {
    path: "hubble.tls.auto.method",
    charts: "*",
    refuses: (value, values) =>
      value === "certmanager" &&
      isNotOff(values, "hubble.enabled", "hubble.tls.enabled", "hubble.tls.auto.enabled") &&
      isEmpty(valueAt(values, "hubble.tls.auto.certManagerIssuerRef")),
    wants: "it needs certManagerIssuerRef beside it",
    remedy: "set hubble.tls.auto.certManagerIssuerRef to the issuer of Hubble's certificates",
    source: "templates/validate.yaml:86 of 1.20.2",
  },
  {
    path: "hubble.redact.http.headers.allow",
    charts: "*",
    refuses: (value, values) =>
      !isNothing(value) && !isNothing(valueAt(values, "hubble.redact.http.headers.deny")),
    wants: "only one of allow and deny may have headers",
    remedy: "leave out one of hubble.redact.http.headers.allow and deny",
    source: "templates/validate.yaml:91 of 1.20.2",
  },
  ...["gatewayAPI", "ingressController.service"].map(
    (of): Refusal => ({
      path: `${of}.externalTrafficPolicy`,
      charts: "*",
      refuses: (value, values) => {
        const type = valueAt(values, `${of}.type`) ?? "LoadBalancer";
        const isUsed =
          valueAt(values, `${of.split(".")[0]}.enabled`) === true &&
          ["LoadBalancer", "NodePort"].includes(String(type));
        return isUsed && !["Cluster", "Local"].includes(String(value));
      },
      wants: "it must be Cluster or Local",
      remedy: `set ${of}.externalTrafficPolicy: Cluster or Local`,
      source: `templates/validate.yaml:${of === "gatewayAPI" ? 128 : 122} of 1.20.2`,
    }),
  ),
  {
    path: "standaloneDnsProxy.enabled",
    charts: ">=1.19.0",
    refuses: (value, values) => value === true && Number(valueAt(values, "dnsProxy.proxyPort") ?? 0) === 0,
    wants: "it needs dnsProxy.proxyPort beside it",
    remedy: "set dnsProxy.proxyPort, for example 10094",
    source: "templates/validate.yaml:239 of 1.20.2",
  },
];

/** Checked by rendering the charts of 1.18.11, 1.19.4 and 1.20.2 with such values. */
export const refusals: readonly Refusal[] = [
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
  ...(["4", "6"] as const).flatMap((family): Refusal[] => {
    const isOpen = withoutNativeCidr(family);
    const rule = {
      path: "routingMode",
      wants: `it needs ipv${family}NativeRoutingCIDR beside it`,
      remedy: `set ipv${family}NativeRoutingCIDR to a CIDR that contains the pods of all clusters`,
    };
    return [
      {
        ...rule,
        charts: "<1.20.0",
        refuses: isOpen,
        source: `templates/cilium-configmap.yaml:${family === "4" ? 547 : 553} of 1.19.7`,
      },
      {
        ...rule,
        charts: ">=1.20.0",
        refuses: (value, values) => isOpen(value, values) && !isNativeCidrOfPools(values),
        source: `templates/cilium-configmap.yaml:${family === "4" ? 563 : 569} of 1.20.2`,
      },
    ];
  }),
  {
    path: "cluster.id",
    charts: "*",
    refuses: (value, values) =>
      Number(value) % 256 >= 128 &&
      (valueAt(values, "eni.enabled") === true ||
        valueAt(values, "alibabacloud.enabled") === true ||
        valueAt(values, "cni.chainingMode") === "aws-cni") &&
      valueAt(values, "extraConfig.allow-unsafe-policy-skb-usage") !== "true",
    wants: "with ENI, Alibaba Cloud or chaining to aws-cni it must be below 128 (or from 256 to 383)",
    remedy: "give the cluster a lower id; every pod of the cluster must restart to have its identity",
    source: "templates/validate.yaml:168 of 1.20.2",
  },
  {
    path: "extraConfig.allow-unsafe-policy-skb-usage",
    charts: "*",
    // Go templates compare values of one type only.
    refuses: (value) => typeof value !== "string",
    wants: "it compares it with a text, whatever the cluster's id is",
    remedy: 'write extraConfig.allow-unsafe-policy-skb-usage: "true" (with quotes), or leave it out',
    source: "templates/validate.yaml:169 of 1.20.2",
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
    by: "agents",
  },
  { ...oneOf("routingMode", ["tunnel", "native"], "pkg/option/config.go:2241 of 1.20.2"), by: "agents" },
  {
    ...oneOf("tunnelProtocol", ["vxlan", "geneve"], "pkg/datapath/tunnel/tunnel.go:308 of 1.20.2"),
    by: "agents",
  },
  {
    path: "l2podAnnouncements.enabled",
    charts: ">=1.19.0",
    refuses: (value, values) =>
      value === true && isUnset(valueAt(values, "l2podAnnouncements.interfacePattern")),
    wants:
      "it needs l2podAnnouncements.interfacePattern beside it, because since 1.19 there is no interface by default (1.18: eth0)",
    remedy: "set l2podAnnouncements.interfacePattern, such as ^eth0$ for the old default; 1.18 reads it too",
    source: "pkg/datapath/gneigh/processor.go:54 of 1.19.7",
    by: "agents",
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
  ...meshRules,
  ...otherRules,
];
