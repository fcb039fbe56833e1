import { expect, test } from "vitest";
import { refusedValues } from "./chart-refusals.ts";

const pathsOf = (values: Record<string, unknown>, to: string): string[] =>
  refusedValues(values, to).map(
    (f) => /(?:refuses|start with) value (\S+),/.exec(f.message)?.[1] ?? f.message,
  );
const tls = {
  clustermesh: {
    useAPIServer: true,
    apiserver: { tls: { auto: { enabled: false }, server: { cert: "x" } } },
  },
};

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
  expect(finding?.message).toContain("a long text");
});
