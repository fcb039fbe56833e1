import fc from "fast-check";
import { expect, test } from "vitest";
import { readKvstore, readKvstoreList } from "./shared-state.ts";

const node = JSON.stringify({
  Name: "w",
  Cluster: "east",
  ClusterID: 1,
  IPAddresses: [{ Type: "InternalIP", IP: "172.18.0.3" }],
  IPv4AllocCIDR: { IP: "10.1.1.0", Mask: "////AA==" },
  IPv4SecondaryAllocCIDRs: null,
  IPv4HealthIP: "10.1.1.9",
  IPv6HealthIP: "",
});
const service = JSON.stringify({
  cluster: "east",
  namespace: "shop",
  name: "cart",
  clusterID: 1,
  frontends: { "10.11.0.9": { http: { Protocol: "TCP", Port: 80 } } },
  backends: { "10.1.1.7": { http: { Protocol: "TCP", Port: 8080 } } },
});
const address = JSON.stringify({
  ...{ IP: "10.1.1.7", Mask: null, HostIP: "172.18.0.3", ID: 65900, K8sNamespace: "shop", K8sPodName: "a" },
});

const list = `# cilium/.heartbeat
2026-11-21T09:58:14Z
# cilium/cluster-config/east
{"id":1,"capabilities":{"syncedCanaries":true,"maxConnectedClusters":511}}
# cilium/state/nodes/v1/east/w
${node}
# cilium/state/ip/v1/default/10.1.1.7
${address}
# cilium/state/identities/v1/id/65900
k8s:io.kubernetes.pod.namespace=shop;k8s:app=;
# cilium/state/identities/v1/value/k8s:app=x;/172.18.0.3
65900
# cilium/state/services/v1/east/shop/cart
${service}
# cilium/cache/ip/v1/west/10.1.1.7
${address}
# cilium/cache/identities/v1/west/id/131400
k8s:app=b;
# cilium/cache/serviceexports/v1/west/shop/cart
{"cluster":"west","namespace":"shop","name":"cart"}
# cilium/state/endpointslices/v1/east/shop/cart-x
{"cluster":"east","clusterID":1,"namespace":"shop","name":"cart-x","labels":{"kubernetes.io/service-name":"cart"},"endpoints":[{"addresses":["10.1.1.7"],"conditions":{"serving":false}}]}
# cilium/synced/east/cilium/state/ip/v1
2026-11-21T09:29:15Z
`;

test("the own entries and each copy, by kind", () => {
  const http = { name: "http", protocol: "TCP" };
  expect(readKvstoreList(list)).toEqual({
    own: {
      nodes: [
        {
          name: "east/w",
          clusterId: 1,
          addresses: [{ type: "InternalIP", ip: "172.18.0.3" }],
          podCidrs: ["10.1.1.0/24"],
          healthIps: ["10.1.1.9"],
          ingressIps: [],
        },
      ],
      addresses: [{ ip: "10.1.1.7", identity: 65900, hostIp: "172.18.0.3", namespace: "shop", pod: "a" }],
      identities: [{ id: 65900, labels: ["k8s:app", "k8s:io.kubernetes.pod.namespace=shop"] }],
      services: [
        {
          name: "east/shop/cart",
          clusterId: 1,
          frontends: { "10.11.0.9": [{ ...http, port: 80 }] },
          backends: { "10.1.1.7": [{ ...http, port: 8080 }] },
        },
      ],
      slices: [
        { name: "east/shop/cart-x", clusterId: 1, service: "cart", addresses: ["10.1.1.7"], serving: 0 },
      ],
      exports: [],
    },
    caches: {
      west: {
        ...{ nodes: [], services: [], slices: [] },
        addresses: [{ ip: "10.1.1.7", identity: 65900, hostIp: "172.18.0.3", namespace: "shop", pod: "a" }],
        identities: [{ id: 131400, labels: ["k8s:app=b"] }],
        exports: [{ name: "west/shop/cart" }],
      },
    },
    configs: { east: { id: 1, maxConnectedClusters: 511, slicesMode: "" } },
    malformed: [],
    synced: ["east/cilium/state/ip/v1"],
  });
});

test("a value of another form or of another key is listed with its key", () => {
  const at = (key: string, value: string) => readKvstore([[key, Buffer.from(value)]]).malformed;
  expect(at("state/ip/v1/default/10.1.1.8", address)).toEqual([
    { key: "cilium/state/ip/v1/default/10.1.1.8", why: "it is of 10.1.1.7" },
  ]);
  expect(at("state/nodes/v1/east/other", node)).toMatchObject([{ why: "it is of east/w" }]);
  expect(at("cache/services/v1/west/shop/cart", service)).toMatchObject([{ why: "it is of east/shop/cart" }]);
  expect(at("state/identities/v1/id/x", "k8s:a=b;")).toMatchObject([{ why: "the key is no number" }]);
  for (const kind of ["nodes/v1/a/b", "services/v1/a/b/c", "endpointslices/v1/a/b/c"])
    expect(at(`state/${kind}`, "nothing")).toHaveLength(1);
});

test("keys and values of any form are read or listed, never thrown", () => {
  const kind = fc.constantFrom(
    "nodes",
    "ip",
    "identities",
    "services",
    "endpointslices",
    "serviceexports",
    "x",
  );
  const key = fc
    .tuple(fc.constantFrom("state", "cache", "cluster-config", "__proto__"), kind, fc.string(), fc.string())
    .map(([origin, of, a, b]) => `${origin}/${of}/v1/${a}/${b}`);
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 8 }), (entries) => {
      expect(() => readKvstore(entries)).not.toThrow();
    }),
    { numRuns: 200 },
  );
});
