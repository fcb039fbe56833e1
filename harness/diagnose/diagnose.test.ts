import { expect, test } from "vitest";
import type {
  AgentState,
  ClusterSnapshot,
  MeshSnapshot,
  PodState,
  ServiceState,
} from "#harness/model/mesh-snapshot.ts";
import type { IpcacheEntry, NodeEntry, RemoteClusterStatus, ServiceEntry } from "#harness/model/snapshot.ts";
import { diagnose } from "./index.ts";

type OneNode = ClusterSnapshot & { readonly agents: readonly [AgentState] };

const ok = <T>(value: T) => ({ ok: true as const, value });

function remote(name: string, clusterId: number): RemoteClusterStatus {
  return {
    name,
    connected: true,
    ready: true,
    status: "ready",
    config: { required: true, retrieved: true, clusterId, kvstoreMesh: true },
    counts: { nodes: 1, endpoints: 1, identities: 1, services: 1 },
    synced: { nodes: true, endpoints: true, identities: true, services: true },
  };
}

const pod = (over: Partial<PodState>): PodState => ({
  namespace: "app",
  name: "echo-1",
  node: "n",
  ip: "10.0.0.1",
  hostNetwork: false,
  ready: true,
  ending: false,
  labels: { app: "echo" },
  containers: [{ name: "echo", ready: true, restarts: 0, trouble: "" }],
  ...over,
});

const service = (over: Partial<ServiceState>): ServiceState => ({
  namespace: "app",
  name: "echo",
  type: "ClusterIP",
  clusterIp: "10.11.0.9",
  loadBalancerIp: "",
  annotations: { "service.cilium.io/global": "true" },
  selector: { app: "echo" },
  labels: {},
  clusterIps: ["10.11.0.9"],
  ports: [{ name: "", protocol: "TCP", port: 80 }],
  ...over,
});

/** Backends of app/echo, as an agent lists them. */
const sends = (ips: readonly string[]): ServiceEntry => ({
  frontend: "10.11.0.9:80",
  protocol: "TCP",
  type: "ClusterIP",
  name: "echo",
  namespace: "app",
  backends: ips.map((ip) => ({ ip, port: 80, state: "active" })),
});
const sendsInMaps = (ips: readonly string[]) =>
  new Map([["10.11.0.9:80/TCP", ips.map((ip) => `${ip}:80/TCP`)]]);

const labelsOf = (name: string): string[] => [
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
const listed = (name: string, id: number): NodeEntry => ({
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

const east = cluster("east", 1, "west", 2);
const west = cluster("west", 2, "east", 1);
const healthy: MeshSnapshot = { clusters: [east, west] };

/** The healthy mesh with parts of one cluster changed. */
function broken(which: "east" | "west", over: Partial<ClusterSnapshot>): MeshSnapshot {
  return { clusters: healthy.clusters.map((c) => (c.name === which ? { ...c, ...over } : c)) };
}

/** East's agent sends clients of app/echo to `ips`; its BPF maps hold `maps`. */
const sending = (ips: readonly string[], maps: ReadonlyMap<string, string[]>): MeshSnapshot =>
  broken("east", { agents: [{ ...east.agents[0], services: ok([sends(ips)]), lbMaps: ok(maps) }] });

/** The mesh with other backends and ipcaches in all agents. */
const holding = (
  { clusters }: MeshSnapshot,
  ipsOf: (cluster: string) => readonly string[],
  mappedToo: (cidr: string) => boolean = () => true,
): MeshSnapshot => ({
  clusters: clusters.map((c) => ({
    ...c,
    agents: c.agents.map((a) => ({
      ...a,
      services: ok([sends(ipsOf(c.name))]),
      lbMaps: ok(sendsInMaps(ipsOf(c.name))),
      ipcache: a.ipcache.ok ? ok(a.ipcache.value.filter((e) => mappedToo(e.cidr))) : a.ipcache,
    })),
  })),
});

/** Without its pod of app/echo. */
const [, ...otherPods] = west.pods.ok ? west.pods.value : [];
const [, ...otherEndpoints] = west.ciliumEndpoints.ok ? west.ciliumEndpoints.value : [];

test("nothing is found on a healthy mesh", () => {
  expect(diagnose(healthy)).toEqual([]);
});

test.each<[string, MeshSnapshot, string, RegExp]>([
  [
    "a frozen node",
    broken("west", { containers: ok([{ name: "west-worker", state: "paused" }]) }),
    "nodes",
    /west-worker is paused/,
  ],
  [
    "a firewall rule on a node",
    broken("east", {
      nodeStates: [
        {
          node: "east-worker",
          stopped: [],
          rules: ok([{ podIp: "", text: "PREROUTING -p udp -m udp --dport 8472 -j DROP", packets: 7 }]),
        },
      ],
    }),
    "underlay",
    /node east-worker of east drops or refuses UDP 8472 \(VXLAN.*7 packets/,
  ],
  [
    "a firewall rule in a pod",
    broken("west", {
      nodeStates: [
        {
          node: "west-worker",
          stopped: [],
          rules: ok([{ podIp: "10.2.0.5", text: "INPUT -p tcp --dport 8080 -j DROP", packets: 1 }]),
        },
      ],
    }),
    "underlay",
    /pod west\/app\/echo-west drops/,
  ],
  [
    "a stopped agent",
    broken("west", {
      nodeStates: [{ node: "west-worker", rules: ok([]), stopped: ["cilium-agent --config-dir=/tmp"] }],
    }),
    "control plane",
    /cilium-agent on node west-worker is stopped/,
  ],
  [
    "no clustermesh-apiserver",
    broken("west", {
      workloads: ok([
        { kind: "Deployment", namespace: "kube-system", name: "clustermesh-apiserver", desired: 0, ready: 0 },
      ]),
    }),
    "control plane",
    /clustermesh-apiserver of west is scaled to zero/,
  ],
  [
    "etcd that crashes: it is named, not the neighbours that become unready with it",
    broken("west", {
      pods: ok([
        pod({
          namespace: "kube-system",
          name: "clustermesh-apiserver-6d5f-abcde",
          node: "west-worker",
          containers: [
            { name: "apiserver", ready: false, restarts: 1, trouble: "" },
            { name: "etcd", ready: false, restarts: 4, trouble: "CrashLoopBackOff" },
          ],
        }),
        ...(west.pods.ok ? west.pods.value.slice(0, 1) : []),
      ]),
    }),
    "control plane",
    /container etcd .* CrashLoopBackOff/,
  ],
  [
    "a cluster id that its identities do not carry",
    broken("west", { config: ok({ "cluster-name": "west", "cluster-id": "77", "routing-mode": "tunnel" }) }),
    "configuration",
    /west announces cluster id 77, .* cluster 2/,
  ],
  [
    "a peer that does not exist",
    broken("east", { peers: ok({ agents: { "west-x": [] }, kvstoreMesh: { west: [] } }) }),
    "configuration",
    /the agents of east are configured with a peer west-x/,
  ],
  [
    "pod CIDRs that overlap",
    broken("west", { ciliumNodes: ok([{ name: "west-worker", podCidrs: ["10.1.0.0/24"] }]) }),
    "configuration",
    /10\.1\.0\.0\/24 of east\/east-worker and 10\.1\.0\.0\/24 of west\/west-worker overlap/,
  ],
  [
    "a CA that the peer does not have",
    broken("east", {
      kvstoreMeshTrouble: ok([
        {
          peer: "west",
          step: "Cannot establish TLS connection to x: tls: failed to verify certificate: x509: certificate signed by unknown authority",
        },
      ]),
    }),
    "connections",
    /KVStoreMesh of east cannot reach west: Cannot establish TLS/,
  ],
  [
    "an endpoint without a pod",
    broken("west", {
      ciliumEndpoints: ok([
        ...(west.ciliumEndpoints.ok ? west.ciliumEndpoints.value : []),
        { namespace: "app", name: "ghost", ip: "10.2.255.254", identity: 131372 },
      ]),
    }),
    "expected state",
    /the API server of west holds CiliumEndpoint app\/ghost \(10\.2\.255\.254\), which nothing of west has/,
  ],
  [
    "an ipcache entry that is missing",
    broken("east", { agents: [{ ...east.agents[0], ipcache: ok([]) }] }),
    "expected state",
    /ipcache of east\/east-worker lacks address 10\.1\.0\.5 \(pod app\/echo-east of east\)/,
  ],
  [
    "a backend that agents of the other cluster still have",
    sending(["10.1.0.5", "10.2.0.5", "10.2.0.99"], sendsInMaps(["10.1.0.5", "10.2.0.5", "10.2.0.99"])),
    "expected state",
    /agent of east\/east-worker holds backend 10\.2\.0\.99:80 of 10\.11\.0\.9:80\/TCP \(service app\/echo\)/,
  ],
  [
    "a frontend that the BPF maps lack altogether",
    sending(["10.1.0.5", "10.2.0.5"], new Map()),
    "expected state",
    /BPF service map of east\/east-worker lacks backend 10\.1\.0\.5:80 .*service app\/echo/,
  ],
  [
    "a controller that fails repeatedly",
    broken("east", {
      agents: [
        {
          ...east.agents[0],
          controllers: ok([{ name: "remote-etcd-west-cluster-config", failures: 10, message: "not found" }]),
        },
      ],
    }),
    "controllers",
    /controller remote-etcd-west-cluster-config of east\/east-worker failed 10 times in a row: not found/,
  ],
  [
    "a backend that no pod has",
    broken("west", {
      endpoints: ok([
        ...(west.endpoints.ok ? west.endpoints.value : []),
        { namespace: "app", service: "echo", ip: "10.2.255.254", ready: true },
      ]),
    }),
    "services",
    /backend 10\.2\.255\.254 of service app\/echo in west belongs to no pod/,
  ],
  [
    "backends that are not ready",
    broken("west", {
      pods: ok([pod({ name: "echo-west", ip: "10.2.0.5", ready: false }), ...otherPods]),
      endpoints: ok([{ namespace: "app", service: "echo", ip: "10.2.0.5", ready: false }]),
    }),
    "services",
    /none of its 1 pods is ready \(echo-west\)/,
  ],
  [
    "backends scaled to zero",
    holding(
      broken("west", {
        pods: ok(otherPods),
        endpoints: ok([]),
        slices: ok([]),
        ciliumEndpoints: ok(otherEndpoints),
        workloads: ok([{ kind: "Deployment", namespace: "app", name: "echo", desired: 0, ready: 0 }]),
      }),
      () => ["10.1.0.5"],
      (cidr) => cidr !== "10.2.0.5/32",
    ),
    "services",
    /no backend in west: Deployment echo is scaled to zero/,
  ],
  [
    "a service that is global on one side only",
    holding(broken("west", { services: ok([service({ annotations: {} })]) }), (name) => [
      name === "east" ? "10.1.0.5" : "10.2.0.5",
    ]),
    "services",
    /global in other clusters but not in west/,
  ],
  [
    "a policy that denies everything",
    broken("west", {
      policies: ok([
        {
          namespace: "app",
          name: "deny",
          spec: { endpointSelector: {}, ingressDeny: [{ fromEntities: ["all"] }] },
        },
      ]),
    }),
    "policies",
    /app\/deny of west denies all ingress/,
  ],
])("%s comes first", (_, mesh, layer, message) => {
  const [first] = diagnose(mesh);
  expect(first).toMatchObject({ layer, message: expect.stringMatching(message) });
  expect(first?.next).toMatch(/./);
});

test("a node that an agent does not list, and one that no cluster has, are reported separately", () => {
  const agent = west.agents[0];
  const mesh = broken("west", {
    agents: [{ ...agent, nodeList: ok([listed("west", 2), { ...listed("east", 1), name: "east/gone" }]) }],
  });
  expect(diagnose(mesh).map((f) => f.message)).toEqual([
    "the agent of west/west-worker lacks node east/east-worker, which CiliumNode east-worker of east has",
    "the agent of west/west-worker holds node east/gone, which nothing of east has",
  ]);
});

test("a connection that the log reports as lost counts, even if the status still says ready", () => {
  const agent = west.agents[0];
  const text = "Unable to establish etcd connection to remote cluster: context deadline exceeded";
  const mesh = broken("west", { agents: [{ ...agent, words: ok([{ peer: "east", good: false, text }]) }] });
  expect(diagnose(mesh)[0]?.message).toBe(`the agent of west/west-worker last logged about east: ${text}`);
});

test("an identity of the other cluster that an agent does not know is named", () => {
  const agent = west.agents[0];
  const mesh = broken("west", {
    agents: [{ ...agent, identities: ok([{ id: 2 * 65536 + 300, labels: labelsOf("west") }]) }],
  });
  expect(diagnose(mesh)[0]?.message).toBe(
    "the agent of west/west-worker lacks identity 65836, which CiliumIdentity 65836 of east has",
  );
});

test("a peer whose data was not supplied is not reported as a mistake of the cluster that names it", () => {
  const found = diagnose({ clusters: [east] });
  expect(found.map((f) => [f.severity, f.message])).toEqual([
    ["unread", "west is a peer of east, and its data was not supplied: its side is not judged"],
  ]);
});

test("unread data is not reported as healthy", () => {
  const [first] = diagnose({
    clusters: [{ ...east, pods: { ok: false, why: "timed out" } }, west],
  });
  expect(first).toMatchObject({ layer: "evidence", severity: "unread" });
  expect(first?.message).toContain("pods of east could not be read: timed out");
});
