import { describe, expect, test } from "vitest";
import { refusedValues } from "./chart-refusals.ts";

const pathsOf = (values: Record<string, unknown>, to: string): string[] =>
  refusedValues(values, to).map(
    (f) => /(?:refuses|start with|work with) value (\S+),/.exec(f.message)?.[1] ?? f.message,
  );
const tls = {
  clustermesh: {
    useAPIServer: true,
    apiserver: { tls: { auto: { enabled: false }, server: { cert: "x" } } },
  },
};

const mesh = (apiserver: object, more: object = {}) => ({
  clustermesh: { useAPIServer: true, apiserver },
  ...more,
});
const kvstoreMesh = (of: object): object => ({ kvstoremesh: { kvstoreMode: "external", ...of } });
const inKvstore = { identityAllocationMode: "kvstore" };
const mode = "clustermesh.apiserver.kvstoremesh.kvstoreMode";

test.each([
  [
    "pods announced without an interface",
    { l2podAnnouncements: { enabled: true } },
    "l2podAnnouncements.enabled",
  ],
  [
    "no KVStoreMesh for identities in the kvstore",
    mesh({ kvstoremesh: { enabled: false } }, inKvstore),
    "clustermesh.apiserver.kvstoremesh.enabled",
  ],
  ["an external kvstore without a mesh", { clustermesh: { apiserver: kvstoreMesh({}) }, ...inKvstore }, mode],
  [
    "an external kvstore without KVStoreMesh",
    mesh(kvstoreMesh({ enabled: false }), { identityAllocationMode: "doublewrite-readcrd" }),
    mode,
  ],
  ["an external kvstore of two replicas", mesh({ replicas: 2, ...kvstoreMesh({}) }, inKvstore), mode],
  ["an external kvstore for identities in CRDs", mesh(kvstoreMesh({})), mode],
  [
    "two addresses of the API server",
    { k8sServiceHost: "192.0.2.1", k8sServiceHostRef: { name: "x", key: "y" } },
    "k8sServiceHost",
  ],
  ["an ingress without the proxy", { l7Proxy: false, ingressController: { enabled: true } }, "l7Proxy"],
  [
    "slices of endpoints that are off",
    { ciliumEndpointSlice: { enabled: true }, disableEndpointCRD: true },
    "ciliumEndpointSlice.enabled",
  ],
  [
    "Hubble's certificates without an issuer",
    { hubble: { tls: { auto: { method: "certmanager" } } } },
    "hubble.tls.auto.method",
  ],
  [
    "headers both allowed and denied",
    { hubble: { redact: { http: { headers: { allow: ["a"], deny: ["b"] } } } } },
    "hubble.redact.http.headers.allow",
  ],
  [
    "a traffic policy that gateways do not have",
    { gatewayAPI: { enabled: true, externalTrafficPolicy: "local" } },
    "gatewayAPI.externalTrafficPolicy",
  ],
  [
    "a DNS proxy of its own without a port",
    { standaloneDnsProxy: { enabled: true } },
    "standaloneDnsProxy.enabled",
  ],
])("the chart of 1.20.2 refuses %s", (_, values, path) => {
  expect(pathsOf(values as Record<string, unknown>, "1.20.2")).toEqual([path]);
});

test("what stands beside it makes the same value right", () => {
  for (const values of [
    mesh({ kvstoremesh: { enabled: false } }),
    mesh({ replicas: 1, ...kvstoreMesh({ enabled: true }) }, inKvstore),
    { k8sServiceHost: "192.0.2.1", k8sServiceHostRef: { name: null, key: null } },
    { l7Proxy: false, ingressController: { enabled: false } },
    { hubble: { enabled: false, tls: { auto: { method: "certmanager" } } } },
    { hubble: { redact: { http: { headers: { allow: ["a"], deny: [] } } } } },
    { standaloneDnsProxy: { enabled: true }, dnsProxy: { proxyPort: 10094 } },
  ])
    expect(pathsOf(values as Record<string, unknown>, "1.20.2")).toEqual([]);
});

test.each([
  ["a number as a text", { cluster: { id: "1" } }, "1.20.2", "cluster.id"],
  ["a switch as a text", { ipv6: { enabled: "true" } }, "1.18.11", "ipv6.enabled"],
  ["the old word for true", { kubeProxyReplacement: "strict" }, "1.18.11", "kubeProxyReplacement"],
  [
    "peers as a mapping",
    { clustermesh: { config: { clusters: { c1: {} } } } },
    "1.18.11",
    "clustermesh.config.clusters",
  ],
  ["certificates in values", tls, "1.20.0", "clustermesh.apiserver.tls.server.cert"],
  ["ENI that is off", { ipam: { mode: "eni" } }, "1.20.2", "ipam.mode"],
  [
    "mutual authentication that the new default turns off",
    { authentication: { mutual: { spire: { enabled: true } } } },
    "1.19.1",
    "authentication.mutual.spire.enabled",
  ],
  [
    "the default name of a cluster with an id",
    { cluster: { name: "default", id: 1 } },
    "1.20.2",
    "cluster.name",
  ],
  ["a name in capitals", { cluster: { name: "East", id: 1 } }, "1.20.2", "cluster.name"],
  [
    "another limit of clusters",
    { clustermesh: { maxConnectedClusters: 300 } },
    "1.20.2",
    "clustermesh.maxConnectedClusters",
  ],
  ["native routing without its CIDR", { routingMode: "native" }, "1.20.2", "routingMode"],
  ["a switch for a mapping", { ipv4: true }, "1.18.11", "ipv4"],
  [
    "native routing of two families without the second CIDR",
    { routingMode: "native", ipv4NativeRoutingCIDR: "10.0.0.0/8", ipv6: { enabled: true } },
    "1.20.2",
    "routingMode",
  ],
  ["a high id with ENI", { cluster: { id: 200 }, eni: { enabled: true } }, "1.20.2", "cluster.id"],
  [
    "cert-manager without an issuer",
    { clustermesh: { useAPIServer: true, apiserver: { tls: { auto: { method: "certmanager" } } } } },
    "1.19.1",
    "clustermesh.apiserver.tls.auto.method",
  ],
  [
    "no CiliumEndpoints for clustermesh-apiserver",
    { disableEndpointCRD: true, clustermesh: { useAPIServer: true } },
    "1.20.2",
    "disableEndpointCRD",
  ],
  [
    "Hubble Relay without Hubble",
    { hubble: { enabled: false, relay: { enabled: true } } },
    "1.20.2",
    "hubble.relay.enabled",
  ],
  ["Hubble UI without Relay", { hubble: { ui: { enabled: true } } }, "1.20.2", "hubble.ui.enabled"],
  [
    "an unknown authMode",
    { clustermesh: { apiserver: { tls: { authMode: "clusters" } } } },
    "1.18.11",
    "clustermesh.apiserver.tls.authMode",
  ],
  ["a routing mode that agents do not know", { routingMode: "Native" }, "1.20.2", "routingMode"],
  ["tproxy with netkit", { bpf: { tproxy: true, datapathMode: "netkit" } }, "1.19.1", "bpf.tproxy"],
])("%s is refused, by its path", (_, values, to, path) => {
  expect(pathsOf(values, to)).toEqual([path]);
});

test.each([
  ["a number", { cluster: { id: 1 }, kubeProxyReplacement: true }, "1.20.2"],
  ["true as a text, where the chart takes both", { kubeProxyReplacement: "true" }, "1.20.2"],
  ["peers as a mapping, since 1.19", { clustermesh: { config: { clusters: { c1: {} } } } }, "1.19.1"],
  ["certificates in values, until 1.19", tls, "1.19.7"],
  ["ENI that is on", { ipam: { mode: "eni" }, eni: { enabled: true } }, "1.20.2"],
  [
    "native routing of ENI",
    { routingMode: "native", ipam: { mode: "eni" }, eni: { enabled: true } },
    "1.20.2",
  ],
  ["native routing with its CIDR", { routingMode: "native", ipv4NativeRoutingCIDR: "10.0.0.0/8" }, "1.20.2"],
  [
    "mutual authentication that is asked for",
    { authentication: { enabled: true, mutual: { spire: { enabled: true } } } },
    "1.20.2",
  ],
  ["a high id with ENI, within the second half", { cluster: { id: 300 }, eni: { enabled: true } }, "1.20.2"],
  [
    "a high id with ENI and the flag that allows it",
    {
      cluster: { id: 200 },
      eni: { enabled: true },
      extraConfig: { "allow-unsafe-policy-skb-usage": "true" },
    },
    "1.20.2",
  ],
  ["a high id without a cloud", { cluster: { id: 200 } }, "1.20.2"],
  ["a value taken away", { cluster: { id: null } }, "1.20.2"],
  ["text that is replaced later", { routingMode: "${MODE}", kubeProxyReplacement: "{{ x }}" }, "1.20.2"],
])("%s is accepted", (_, values, to) => {
  expect(pathsOf(values, to)).toEqual([]);
});

test.each([
  [
    { clustermesh: { policyDefaultLocalCluster: "false" } },
    "write clustermesh.policyDefaultLocalCluster: false (no quotes)",
  ],
  [{ operator: { replicas: "2" } }, "write operator.replicas: 2 (no quotes)"],
  [
    { clustermesh: { apiserver: { service: { type: 5 } } } },
    'write clustermesh.apiserver.service.type: "5" (with quotes)',
  ],
  [{ cluster: { name: false } }, "put cluster.name in quotes"],
  [
    { clustermesh: { apiserver: { etcd: { storageMedium: "memory" } } } },
    'write clustermesh.apiserver.etcd.storageMedium: "Memory"',
  ],
  [{ extraArgs: "--x" }, 'write extraArgs: ["--x"]'],
  [{ bpf: [] }, "make bpf a mapping"],
  [{ operator: { replicas: "two" } }, "make operator.replicas a whole number"],
])("%j: %s", (values, remedy) => {
  expect(refusedValues(values, "1.20.2")).toMatchObject([
    { grade: "serious", remedy: expect.stringContaining(remedy) },
  ]);
});

test("a long text, which may be a key, is not repeated", () => {
  const [finding] = refusedValues({ bpf: "x".repeat(100) }, "1.20.2");
  expect(finding?.message).toContain("which is a text of 100 characters: it must be a mapping");
});

test("a flag that the chart compares with a text is refused as a boolean, whatever the id is", () => {
  expect(
    pathsOf({ cluster: { id: 3 }, extraConfig: { "allow-unsafe-policy-skb-usage": true } }, "1.20.2"),
  ).toEqual(["extraConfig.allow-unsafe-policy-skb-usage"]);
});

test("an id that is a text may be a wrong number, too", () => {
  expect(pathsOf({ cluster: { id: "200" }, eni: { enabled: true } }, "1.20.2")).toEqual([
    "cluster.id",
    "cluster.id",
  ]);
  expect(pathsOf({ cluster: { id: "20" }, eni: { enabled: true } }, "1.20.2")).toEqual(["cluster.id"]);
});

describe("words that newer releases brought", () => {
  const pools = (list: string[]) => ({
    routingMode: "native",
    nativeRoutingCIDRFromClusterPool: true,
    ipam: { operator: { clusterPoolIPv4PodCIDRList: list } },
  });

  test.each([
    ["netkit where it is there", { bpf: { datapathMode: "auto" } }, "bpf.datapathMode"],
    ["CIDRs that select pods", { policyCIDRMatchMode: ["nodes", "pods"] }, "policyCIDRMatchMode"],
    ["any family of addresses between nodes", { underlayProtocol: "auto" }, "underlayProtocol"],
    ["native routing by the pools", pools(["10.1.0.0/16"]), "routingMode"],
  ])("%s is refused on the way back, and taken by 1.20", (_, values, path) => {
    expect(pathsOf(values as Record<string, unknown>, "1.19.7")).toEqual([path]);
    expect(pathsOf(values as Record<string, unknown>, "1.20.2")).toEqual([]);
  });

  test("who refuses a word is told, and which word it is", () => {
    expect(refusedValues({ policyCIDRMatchMode: "nodes pods" }, "1.18.11")).toMatchObject([
      {
        grade: "serious",
        message: expect.stringMatching(
          /^agents of Cilium 1\.18\.11 do not start with .* "pods": it must be nodes/,
        ),
      },
    ]);
  });

  test("native routing by the pools needs one pool, and pools", () => {
    expect(pathsOf(pools(["10.1.0.0/16", "10.9.0.0/16"]), "1.20.2")).toEqual([
      "nativeRoutingCIDRFromClusterPool",
    ]);
    expect(pathsOf({ ...pools([]), ipam: { mode: "kubernetes" } }, "1.20.2")).toEqual(["routingMode"]);
    expect(pathsOf({ ...pools(["a", "b"]), ipv4NativeRoutingCIDR: "10.0.0.0/8" }, "1.20.2")).not.toContain(
      "nativeRoutingCIDRFromClusterPool",
    );
  });

  test("a family of addresses between nodes that is off, from 1.20 on", () => {
    const off = { underlayProtocol: "ipv4", ipv4: { enabled: false }, ipv6: { enabled: true } };
    expect(pathsOf(off, "1.20.2")).toEqual(["underlayProtocol"]);
    expect(pathsOf(off, "1.19.7")).toEqual([]);
    expect(pathsOf({ underlayProtocol: "IPv4" }, "1.20.2")).toEqual(["underlayProtocol"]);
    const native = { routingMode: "native", ipv4NativeRoutingCIDR: "10.0.0.0/8" };
    expect(pathsOf({ underlayProtocol: "auto", ...native }, "1.19.7")).toEqual(["underlayProtocol"]);
  });
});
