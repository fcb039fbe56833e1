/** What was read of a mesh at one moment, from live agents or from an archive. Pure data: checks judge it. */

export interface NodeEntry {
  /** As Cilium names it: `cluster/node`. */
  readonly name: string;
  readonly addresses: readonly { readonly ip: string; readonly type: string }[];
  readonly podCidrs: readonly string[];
  readonly healthIp: string;
}

export interface RemoteClusterStatus {
  readonly name: string;
  readonly connected: boolean;
  readonly ready: boolean;
  readonly status: string;
  readonly config: {
    readonly required: boolean;
    readonly retrieved: boolean;
    readonly clusterId: number;
    readonly kvstoreMesh: boolean;
  };
  readonly counts: {
    readonly nodes: number;
    readonly endpoints: number;
    readonly identities: number;
    readonly services: number;
  };
  readonly synced: {
    readonly nodes: boolean;
    readonly endpoints: boolean;
    readonly identities: boolean;
    readonly services: boolean;
  };
}

/** One probed path of cilium-health. `seconds` of latency; an empty status is a success. */
export interface HealthPath {
  readonly status: string;
  readonly latencyNs: number;
  readonly lastProbed: string;
}

export interface HealthNode {
  readonly name: string;
  readonly host: { readonly ip: string; readonly icmp?: HealthPath; readonly http?: HealthPath };
  readonly endpoint:
    | { readonly ip: string; readonly icmp?: HealthPath; readonly http?: HealthPath }
    | undefined;
}

export interface HealthReport {
  readonly local: string;
  readonly timestamp: string;
  /** How often the agent probes every path; 0 where it does not say. */
  readonly probeIntervalMs: number;
  readonly nodes: readonly HealthNode[];
}

export interface IpcacheEntry {
  /** A CIDR: pods are `/32`. */
  readonly cidr: string;
  readonly identity: number;
  readonly tunnelEndpoint: string;
}

export interface ServiceBackend {
  readonly ip: string;
  readonly port: number;
  readonly state: string;
}

export interface ServiceEntry {
  readonly frontend: string;
  readonly protocol: string;
  readonly type: string;
  readonly name: string;
  readonly namespace: string;
  readonly backends: readonly ServiceBackend[];
}

/** A pod's endpoint on its own node. */
export interface EndpointEntry {
  readonly id: number;
  readonly labels: readonly string[];
  /** `none`, `ingress`, `egress` or `both`: which directions have policy enforcement on. */
  readonly policyEnforced: string;
}

export interface IdentityEntry {
  readonly id: number;
  readonly labels: readonly string[];
}
