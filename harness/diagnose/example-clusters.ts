// Two healthy clusters for tests, small enough to change by hand.
import type {
  AgentState,
  ClusterSnapshot,
  MeshSnapshot,
  PodState,
  ServiceState,
} from "#harness/model/mesh-snapshot.ts";
import type { IpcacheEntry, NodeEntry, ServiceEntry } from "#harness/model/snapshot.ts";
import { pod as anyPod, service as anyService, ok, remote } from "./healthy-mesh.ts";

type OneNode = ClusterSnapshot & { readonly agents: readonly [AgentState] };

export const pod = (over: Partial<PodState>): PodState =>
  anyPod({
    namespace: "app",
    name: "echo-1",
    ip: "10.0.0.1",
    labels: { app: "echo" },
    containers: [{ name: "echo", ready: true, restarts: 0, trouble: "" }],
    ...over,
  });

export const service = (over: Partial<ServiceState>): ServiceState =>
  anyService({
    namespace: "app",
    name: "echo",
    selector: { app: "echo" },
    labels: {},
    clusterIps: ["10.11.0.9"],
    ports: [{ name: "", protocol: "TCP", port: 80 }],
    ...over,
  });

/** Backends of app/echo, as an agent lists them. */
export const sends = (ips: readonly string[]): ServiceEntry => ({
  frontend: "10.11.0.9:80",
  protocol: "TCP",
  type: "ClusterIP",
  name: "echo",
  namespace: "app",
  backends: ips.map((ip) => ({ ip, port: 80, state: "active" })),
});
export const sendsInMaps = (ips: readonly string[]) =>
  new Map([["10.11.0.9:80/TCP", ips.map((ip) => `${ip}:80/TCP`)]]);

export const labelsOf = (name: string): string[] => [
  "k8s:app=echo",
  `k8s:io.cilium.k8s.policy.cluster=${name}`,
  "k8s:io.kubernetes.pod.namespace=app",
];

/** What an agent's ipcache holds of a cluster. */
const mapped = (id: number, tunnel: string): IpcacheEntry[] => [
  { cidr: `172.18.0.${id}/32`, identity: 6, tunnelEndpoint: "0.0.0.0" },
  ...[5, 6].map((n) => ({
    ...{ cidr: `10.${id}.0.${n}/32`, identity: id * 65536 + 300, tunnelEndpoint: tunnel },
  })),
];

/** A node as an agent lists it. */
export const listed = (name: string, id: number): NodeEntry => ({
  name: `${name}/${name}-worker`,
  addresses: [{ ip: `172.18.0.${id}`, type: "InternalIP" }],
  podCidrs: [`10.${id}.0.0/24`],
  healthIp: "",
});

/** A healthy cluster of one node, one pod and one global service. */
function cluster(name: string, id: number, peer: string, peerId: number): OneNode {
  const ip = `10.${id}.0.5`;
  return {
    name,
    config: ok({
      "cluster-name": name,
      "cluster-id": String(id),
      "routing-mode": "tunnel",
      "kube-proxy-replacement": "true",
    }),
    containers: ok([{ name: `${name}-worker`, state: "running" }]),
    nodes: ok([
      { name: `${name}-worker`, address: `172.18.0.${id}`, podCidr: `10.${id}.0.0/24`, ready: true },
    ]),
    ciliumNodes: ok([
      {
        name: `${name}-worker`,
        podCidrs: [`10.${id}.0.0/24`],
        addresses: [{ type: "InternalIP", ip: `172.18.0.${id}` }],
      },
    ]),
    ciliumVersion: ok("1.19.4"),
    namespaces: ok(["app", "kube-system"].map((n) => ({ name: n, annotations: {} }))),
    ciliumIdentities: ok([{ id: id * 65536 + 300, labels: labelsOf(name) }]),
    slices: ok([
      {
        ...{ namespace: "app", name: "echo-x", service: "echo", mirrored: false, addressType: "IPv4" },
        ...{ labels: {}, annotations: {}, ports: [{ name: "", protocol: "TCP", port: 80 }] },
        endpoints: [
          { addresses: [ip], node: `${name}-worker`, ready: true, serving: true, terminating: false },
        ],
      },
    ]),
    pods: ok([
      pod({ name: `echo-${name}`, ip, node: `${name}-worker` }),
      pod({
        namespace: "kube-system",
        name: "clustermesh-apiserver-6d5f-abcde",
        ip: `10.${id}.0.6`,
        node: `${name}-worker`,
        labels: {},
        containers: ["etcd", "apiserver", "kvstoremesh"].map((c) => ({
          name: c,
          ready: true,
          restarts: 0,
          trouble: "",
        })),
      }),
    ]),
    workloads: ok([
      { kind: "Deployment", namespace: "kube-system", name: "clustermesh-apiserver", desired: 1, ready: 1 },
      { kind: "Deployment", namespace: "app", name: "echo", desired: 1, ready: 1 },
    ]),
    services: ok([service({})]),
    endpoints: ok([{ namespace: "app", service: "echo", ip, ready: true }]),
    ciliumEndpoints: ok(
      [
        { namespace: "app", name: `echo-${name}`, ip },
        { namespace: "kube-system", name: "clustermesh-apiserver-6d5f-abcde", ip: `10.${id}.0.6` },
      ].map((e) => ({ ...e, identity: id * 65536 + 300, hostIp: `172.18.0.${id}` })),
    ),
    policies: ok([]),
    peers: ok({ agents: { [peer]: ["https://x:2379"] }, kvstoreMesh: { [peer]: ["https://x:2379"] } }),
    kvstoreMesh: ok([remote(peer, peerId)]),
    kvstoreMeshTrouble: ok([]),
    kvstoreMeshWords: ok([{ peer, good: true, text: "Connection to remote cluster established" }]),
    agents: [
      {
        node: `${name}-worker`,
        remotes: ok([remote(peer, peerId)]),
        words: ok([{ peer, good: true, text: "Found remote cluster configuration" }]),
        nodeList: ok([listed(name, id), listed(peer, peerId)]),
        health: ok({ local: `${name}/${name}-worker`, timestamp: "", probeIntervalMs: 0, nodes: [] }),
        services: ok([sends(["10.1.0.5", "10.2.0.5"])]),
        lbMaps: ok(sendsInMaps(["10.1.0.5", "10.2.0.5"])),
        identities: ok(
          [
            { name, n: id },
            { name: peer, n: peerId },
          ].map((c) => ({ id: c.n * 65536 + 300, labels: labelsOf(c.name) })),
        ),
        ipcache: ok([...mapped(id, "0.0.0.0"), ...mapped(peerId, `172.18.0.${peerId}`)]),
      },
    ],
    nodeStates: [{ node: `${name}-worker`, rules: ok([]), stopped: [] }],
  };
}

export const east = cluster("east", 1, "west", 2);
export const west = cluster("west", 2, "east", 1);
export const healthy: MeshSnapshot = { clusters: [east, west] };
