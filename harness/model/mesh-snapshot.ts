import type {
  HealthReport,
  IdentityEntry,
  IpcacheEntry,
  NodeEntry,
  RemoteClusterStatus,
  ServiceEntry,
} from "./snapshot.ts";

/** A part of a snapshot: what was read, or why it could not be. `absent`: nobody asked for it, as in an archive. */
export type Part<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string; readonly absent?: boolean };

/** A whole mesh at one moment, from live clusters or from an archive: what `diagnose` judges. */
export interface MeshSnapshot {
  readonly clusters: readonly ClusterSnapshot[];
}

export interface ClusterSnapshot {
  readonly name: string;
  /** cilium-config. */
  readonly config: Part<Readonly<Record<string, string>>>;
  /** Nodes as containers of the host; unknown for external clusters. */
  readonly containers: Part<readonly { readonly name: string; readonly state: string }[]>;
  readonly nodes: Part<readonly NodeState[]>;
  readonly ciliumNodes: Part<readonly { readonly name: string; readonly podCidrs: readonly string[] }[]>;
  readonly pods: Part<readonly PodState[]>;
  readonly workloads: Part<readonly WorkloadState[]>;
  readonly services: Part<readonly ServiceState[]>;
  readonly endpoints: Part<readonly SliceEndpoint[]>;
  readonly ciliumEndpoints: Part<readonly CiliumEndpointState[]>;
  readonly policies: Part<readonly PolicyState[]>;
  /** How many pools LoadBalancer addresses come from; not known of clusters that were not asked. */
  readonly loadBalancerPools?: Part<number>;
  /** Names of remote clusters to the endpoints that they are reached at. */
  readonly peers: Part<{
    readonly agents: Readonly<Record<string, readonly string[]>>;
    readonly kvstoreMesh: Readonly<Record<string, readonly string[]>>;
  }>;
  readonly kvstoreMesh: Part<readonly RemoteClusterStatus[]>;
  /** `troubleshoot` of KVStoreMesh: the failed steps of each peer, in order. */
  readonly kvstoreMeshTrouble: Part<readonly PeerTrouble[]>;
  readonly kvstoreMeshWords: Part<readonly PeerWord[]>;
  readonly agents: readonly AgentState[];
  readonly nodeStates: readonly NodeInside[];
}

export interface NodeState {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  readonly ready: boolean;
}

export interface PodState {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
  readonly hostNetwork: boolean;
  readonly ready: boolean;
  readonly ending: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly restarts: number;
    /** `CrashLoopBackOff`, `Error`...; empty while it runs. */
    readonly trouble: string;
  }[];
}

export interface WorkloadState {
  readonly kind: "Deployment" | "DaemonSet";
  readonly namespace: string;
  readonly name: string;
  readonly wanted: number;
  readonly ready: number;
}

export interface ServiceState {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly clusterIp: string;
  readonly loadBalancerIp: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  /** At which it is reached from outside its cluster: node ports, and a LoadBalancer's own. */
  readonly outerPorts?: readonly number[];
}

export interface SliceEndpoint {
  readonly namespace: string;
  readonly service: string;
  readonly ip: string;
  readonly ready: boolean;
}

export interface CiliumEndpointState {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly identity: number;
}

export interface PolicyState {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** One failed step towards a peer's etcd. */
export interface PeerTrouble {
  readonly peer: string;
  readonly step: string;
}

/** The last that an agent or KVStoreMesh logged of its connection to a peer. */
export interface PeerWord {
  readonly peer: string;
  readonly good: boolean;
  readonly text: string;
}

/** A controller of an agent (a task that it repeats) that failed the last time that it ran. */
export interface FailingController {
  readonly name: string;
  /** In a row. */
  readonly failures: number;
  readonly message: string;
}

export interface AgentState {
  readonly node: string;
  readonly remotes: Part<readonly RemoteClusterStatus[]>;
  readonly words: Part<readonly PeerWord[]>;
  /** Not known of evidence that was kept before it was read. */
  readonly controllers?: Part<readonly FailingController[]>;
  readonly nodeList: Part<readonly NodeEntry[]>;
  readonly health: Part<HealthReport>;
  readonly services: Part<readonly ServiceEntry[]>;
  readonly lbMaps: Part<ReadonlyMap<string, readonly string[]>>;
  readonly identities: Part<readonly IdentityEntry[]>;
  readonly ipcache: Part<readonly IpcacheEntry[]>;
}

/** What a look inside a node showed. */
export interface NodeInside {
  readonly node: string;
  readonly rules: Part<readonly FirewallRule[]>;
  /** Command lines of processes in state T. */
  readonly stopped: readonly string[];
}

/** A rule of a firewall or of routing that drops or rejects, and is neither Kubernetes' nor Cilium's own. */
export interface FirewallRule {
  /** The pod whose network namespace it is in; empty for the node's own. */
  readonly podIp: string;
  readonly text: string;
  readonly packets: number;
}
