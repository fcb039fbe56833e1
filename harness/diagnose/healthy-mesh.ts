import type { Finding } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type {
  ClusterSnapshot,
  MeshSnapshot,
  Part,
  PodState,
  ServiceState,
} from "#harness/model/mesh-snapshot.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { diagnose } from "./index.ts";

// A small mesh for tests, in which nothing is wrong.

export const ok = <T>(value: T) => ({ ok: true as const, value });
const absent: Part<never> = { ok: false, why: "not collected", absent: true };

export const remote = (name: string, clusterId: number, ready = true): RemoteClusterStatus => ({
  name,
  connected: ready,
  ready,
  status: ready ? "ready" : "Waiting for initial connection to be established",
  config: { required: true, retrieved: ready, clusterId: ready ? clusterId : 0, kvstoreMesh: true },
  counts: { nodes: 1, endpoints: 1, identities: 1, services: 1 },
  synced: { nodes: ready, endpoints: ready, identities: ready, services: ready },
});

export const pod = (over: Partial<PodState>): PodState => ({
  namespace: "shop",
  name: "cart-1",
  node: "n",
  ip: "10.1.0.5",
  hostNetwork: false,
  ready: true,
  ending: false,
  labels: { app: "cart" },
  containers: [{ name: "cart", ready: true, restarts: 0, trouble: "" }],
  ...over,
});

export const service = (over: Partial<ServiceState>): ServiceState => ({
  namespace: "shop",
  name: "cart",
  type: "ClusterIP",
  clusterIp: "10.11.0.9",
  loadBalancerIp: "",
  annotations: { "service.cilium.io/global": "true" },
  selector: { app: "cart" },
  ports: [{ name: "http", protocol: "TCP", port: 80 }],
  ...over,
});

export const apiserverPod = (id: number, over: Partial<PodState> = {}): PodState =>
  pod({
    namespace: "kube-system",
    name: "clustermesh-apiserver-6d5f-abcde",
    ip: `10.${id}.0.6`,
    node: `node-${id}`,
    labels: { "k8s-app": "clustermesh-apiserver" },
    containers: ["etcd", "apiserver", "kvstoremesh"].map((name) => ({
      name,
      ready: true,
      restarts: 0,
      trouble: "",
    })),
    ...over,
  });

function cluster(name: string, id: number, [peer, peerId]: readonly [string, number]): ClusterSnapshot {
  const node = `node-${id}`;
  return {
    name,
    config: ok({
      "cluster-name": name,
      "cluster-id": String(id),
      "routing-mode": "tunnel",
      "tunnel-protocol": "vxlan",
      "max-connected-clusters": "255",
      "identity-allocation-mode": "crd",
      "kube-proxy-replacement": "true",
    }),
    containers: ok([{ name: node, state: "running" }]),
    nodes: ok([{ name: node, address: `172.18.0.${id}`, podCidr: `10.${id}.0.0/24`, ready: true }]),
    ciliumNodes: ok([{ name: node, podCidrs: [`10.${id}.0.0/24`] }]),
    pods: ok([pod({ name: `cart-${id}`, ip: `10.${id}.0.5`, node }), apiserverPod(id)]),
    workloads: ok([
      { kind: "Deployment", namespace: "kube-system", name: "clustermesh-apiserver", desired: 1, ready: 1 },
    ]),
    services: ok([
      service({}),
      service({
        namespace: "kube-system",
        name: "clustermesh-apiserver",
        type: "NodePort",
        annotations: {},
        selector: { "k8s-app": "clustermesh-apiserver" },
        outerPorts: [32379],
        ports: [],
      }),
    ]),
    endpoints: ok([{ namespace: "shop", service: "cart", ip: `10.${id}.0.5`, ready: true }]),
    ciliumEndpoints: ok([]),
    ciliumVersion: ok("1.19.4"),
    policies: ok([]),
    policyObjects: ok([]),
    events: ok([]),
    collectedMs: ok(Date.parse("2026-11-21T10:00:00Z")),
    peers: ok({
      agents: { [peer]: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
      kvstoreMesh: { [peer]: [`https://${peer}.mesh.cilium.io:32379`] },
    }),
    kvstoreMesh: ok([remote(peer, peerId)]),
    kvstoreMeshTrouble: ok([]),
    kvstoreMeshWords: ok([]),
    agents: [
      {
        node,
        remotes: ok([remote(peer, peerId)]),
        words: ok([]),
        nodeList: absent,
        health: absent,
        services: absent,
        lbMaps: absent,
        identities: absent,
        ipcache: absent,
      },
    ],
    nodeStates: [],
  };
}

export const east = cluster("east", 1, ["west", 2]);
export const west = cluster("west", 2, ["east", 1]);
export const healthyMesh: MeshSnapshot = { clusters: [east, west] };

/** The healthy mesh with parts of its clusters changed. */
export const meshWith = (
  overEast: Partial<ClusterSnapshot>,
  overWest: Partial<ClusterSnapshot> = {},
): MeshSnapshot => ({
  clusters: [
    { ...east, ...overEast },
    { ...west, ...overWest },
  ],
});

/** With settings of one cluster changed. */
export function withSettings(of: ClusterSnapshot, over: Readonly<Record<string, string>>): ClusterSnapshot {
  return { ...of, config: ok({ ...(of.config.ok ? of.config.value : {}), ...over }) };
}

/** What is wrong, without what this small mesh lacks: agents' tables, and the objects that decide what clusters export. */
export const causesOf = (mesh: MeshSnapshot, defects: readonly KnownDefect[] = []): Finding[] =>
  diagnose(mesh, defects).filter((f) => f.severity !== "unread" && f.layer !== "expected state");
