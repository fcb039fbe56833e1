import type {
  AgentState,
  CiliumEndpointState,
  ClusterSnapshot,
  MeshSnapshot,
  Part,
  PodState,
  ServiceState,
  SliceState,
} from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState, SharedState } from "#harness/model/shared-state.ts";
import type { IpcacheEntry, ServiceEntry } from "#harness/model/snapshot.ts";

/** How large an example mesh is: of each cluster. */
export interface MeshSize {
  readonly nodes: number;
  readonly pods: number;
  /** Global services, each with a share of the pods as backends. */
  readonly services: number;
}

const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
const absent = { ok: false, why: "not in the example", absent: true } as const satisfies Part<never>;

interface Made {
  readonly name: string;
  readonly id: number;
  readonly nodes: readonly { name: string; ip: string; router: string; health: string; cidr: string }[];
  readonly endpoints: readonly (CiliumEndpointState & { node: string; ip: string; hostIp: string })[];
  readonly identities: readonly { id: number; labels: string[] }[];
  readonly services: readonly { name: string; clusterIp: string; backends: string[] }[];
}

/**
 * Two healthy clusters for tests and benchmarks: what every kvstore, copy, agent and map holds is written down here from
 * the sizes alone, without the functions that compute expectations.
 */
export function exampleMesh(size: MeshSize): MeshSnapshot {
  const made = ["east", "west"].map((name, i) => make(name, i + 1, size));
  return { clusters: made.map((own) => clusterOf(own, made)) };
}

function make(name: string, id: number, size: MeshSize): Made {
  const nodes = Array.from({ length: size.nodes }, (_, n) => ({
    name: `${name}-${n}`,
    ip: `172.18.${id}.${n + 1}`,
    router: `10.${id}.${n}.1`,
    health: `10.${id}.${n}.2`,
    cidr: `10.${id}.${n}.0/24`,
  }));
  const identities = Array.from({ length: Math.max(1, size.services) }, (_, s) => ({
    id: id * 65536 + 300 + s,
    labels: [
      `k8s:app=app-${s}`,
      `k8s:io.cilium.k8s.policy.cluster=${name}`,
      "k8s:io.kubernetes.pod.namespace=shop",
    ],
  }));
  const endpoints = Array.from({ length: size.pods }, (_, p) => {
    const n = p % size.nodes;
    return {
      namespace: "shop",
      name: `pod-${p}`,
      node: `${name}-${n}`,
      ip: `10.${id}.${n}.${3 + Math.floor(p / size.nodes)}`,
      hostIp: `172.18.${id}.${n + 1}`,
      identity: identities[p % identities.length]?.id ?? 0,
    };
  });
  const services = Array.from({ length: size.services }, (_, s) => ({
    name: `app-${s}`,
    clusterIp: `10.${100 + id}.${Math.floor(s / 250)}.${1 + (s % 250)}`,
    backends: endpoints.filter((_e, p) => p % size.services === s).map((e) => e.ip),
  }));
  return { name, id, nodes, endpoints, identities, services };
}

const port = { name: "http", protocol: "TCP", port: 8080 };
const front = { name: "http", protocol: "TCP", port: 80 };

const sharedOf = ({ name, id, nodes, endpoints, identities, services }: Made): SharedState => ({
  nodes: nodes.map((n) => ({
    name: `${name}/${n.name}`,
    clusterId: id,
    addresses: [
      { type: "InternalIP", ip: n.ip },
      { type: "CiliumInternalIP", ip: n.router },
    ],
    podCidrs: [n.cidr],
    healthIps: [n.health],
    ingressIps: [],
  })),
  addresses: endpoints.map(({ ip, identity, hostIp, namespace, name: pod }) => ({
    ...{ ip, identity, hostIp, namespace, pod },
  })),
  identities: [...identities],
  services: services.map((s) => ({
    name: `${name}/shop/${s.name}`,
    clusterId: id,
    frontends: { [s.clusterIp]: [front] },
    backends: Object.fromEntries(s.backends.map((ip) => [ip, [port]])),
  })),
  slices: [],
  exports: [],
});

function clusterOf(own: Made, all: readonly Made[]): ClusterSnapshot {
  const others = all.filter((m) => m !== own);
  const held = sharedByAgents(own, all);
  const nodeOf = new Map(own.endpoints.map((e) => [e.ip, e.node]));
  const config = (m: Made) => ({ id: m.id, maxConnectedClusters: 255, slicesMode: "" });
  const kvstore: KvstoreState = {
    own: sharedOf(own),
    caches: Object.fromEntries(others.map((m) => [m.name, sharedOf(m)])),
    configs: Object.fromEntries(all.map((m) => [m.name, config(m)])),
    malformed: [],
  };
  return {
    name: own.name,
    config: ok({
      "cluster-name": own.name,
      "cluster-id": String(own.id),
      "max-connected-clusters": "255",
      "identity-allocation-mode": "crd",
      "enable-ipv6": "false",
    }),
    containers: absent,
    nodes: ok(own.nodes.map((n) => ({ name: n.name, address: n.ip, podCidr: n.cidr, ready: true }))),
    ciliumNodes: ok(
      own.nodes.map((n) => ({
        name: n.name,
        podCidrs: [n.cidr],
        addresses: [
          { type: "InternalIP", ip: n.ip },
          { type: "CiliumInternalIP", ip: n.router },
        ],
        healthIps: [n.health],
        ingressIps: [],
      })),
    ),
    pods: ok(own.endpoints.map(podOf)),
    workloads: absent,
    services: ok(own.services.map(serviceOf)),
    endpoints: absent,
    ciliumEndpoints: ok(own.endpoints.map(({ node: _node, ...endpoint }) => endpoint)),
    ciliumVersion: ok("1.19.4"),
    namespaces: ok([{ name: "shop", annotations: {} }]),
    ciliumIdentities: ok([...own.identities]),
    slices: ok(own.services.map((s) => sliceOf(s, nodeOf))),
    kvstore: ok(kvstore),
    policies: absent,
    peers: absent,
    kvstoreMesh: absent,
    kvstoreMeshTrouble: absent,
    kvstoreMeshWords: absent,
    agents: own.nodes.map((n) => agentOf(n, held)),
    nodeStates: [],
  };
}

const podOf = ({ namespace, name, ip, node }: Made["endpoints"][number]): PodState => ({
  ...{ namespace, name, node, ip, hostNetwork: false, ready: true, ending: false, ended: false },
  labels: {},
  containers: [],
});

const serviceOf = ({ name, clusterIp }: Made["services"][number]): ServiceState => ({
  ...{ namespace: "shop", name, type: "ClusterIP", clusterIp, loadBalancerIp: "", selector: {} },
  annotations: { "service.cilium.io/global": "True" },
  labels: {},
  clusterIps: [clusterIp],
  ports: [front],
});

const sliceOf = (
  { name, backends }: Made["services"][number],
  nodeOf: ReadonlyMap<string, string>,
): SliceState => ({
  ...{ namespace: "shop", name: `${name}-x`, service: name, mirrored: false, addressType: "IPv4" },
  ...{ labels: {}, annotations: {}, ports: [port] },
  endpoints: backends.map((ip) => ({
    ...{ addresses: [ip], node: nodeOf.get(ip) ?? "", ready: true, serving: true, terminating: false },
  })),
});

/** What all agents of a cluster hold alike; built once, because a large mesh has many. */
function sharedByAgents(own: Made, all: readonly Made[]) {
  const backendsOf = new Map<string, string[]>();
  for (const { services } of all)
    for (const { name, backends } of services)
      backendsOf.set(name, [...(backendsOf.get(name) ?? []), ...backends]);
  const services = own.services.map(
    (s): ServiceEntry => ({
      ...{
        frontend: `${s.clusterIp}:80`,
        protocol: "TCP",
        type: "ClusterIP",
        namespace: "shop",
        name: s.name,
      },
      backends: (backendsOf.get(s.name) ?? []).map((ip) => ({ ip, port: 8080, state: "active" })),
    }),
  );
  return {
    services,
    lbMaps: new Map(
      services.map((s) => [`${s.frontend}/TCP`, s.backends.map((b) => `${b.ip}:${b.port}/TCP`)]),
    ),
    nodeList: all.flatMap((m) =>
      m.nodes.map((n) => ({
        name: `${m.name}/${n.name}`,
        addresses: [
          { ip: n.ip, type: "InternalIP" },
          { ip: n.router, type: "CiliumInternalIP" },
        ],
        podCidrs: [n.cidr],
        healthIp: n.health,
      })),
    ),
    identities: all.flatMap((m) => [...m.identities]),
    ipcache: all.flatMap(ipcacheOf),
  };
}

const agentOf = (
  node: Made["nodes"][number],
  { services, lbMaps, nodeList, identities, ipcache }: ReturnType<typeof sharedByAgents>,
): AgentState => ({
  node: node.name,
  remotes: absent,
  words: absent,
  nodeList: ok(nodeList),
  health: absent,
  services: ok(services),
  lbMaps: ok(lbMaps),
  identities: ok(identities),
  ipcache: ok(ipcache.map((e) => (e.tunnelEndpoint === node.ip ? { ...e, tunnelEndpoint: "0.0.0.0" } : e))),
});

const ipcacheOf = ({ nodes, endpoints }: Made): IpcacheEntry[] => [
  ...endpoints.map(({ ip, identity, hostIp }) => ({ cidr: `${ip}/32`, identity, tunnelEndpoint: hostIp })),
  ...nodes.flatMap((n) => [
    { cidr: `${n.ip}/32`, identity: 6, tunnelEndpoint: "0.0.0.0" },
    { cidr: `${n.router}/32`, identity: 6, tunnelEndpoint: n.ip },
    { cidr: `${n.health}/32`, identity: 4, tunnelEndpoint: n.ip },
  ]),
];
