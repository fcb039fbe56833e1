import type { ClusterArtifacts } from "#harness/artifacts/types.ts";
import { type LabPlan, mergeValues, type PlannedCluster } from "#harness/config/plan.ts";
import type { CertificateAuthority } from "./ca.ts";

/** How one cluster's clustermesh-apiserver is reached by the others. */
export interface MeshEndpoint {
  readonly cluster: string;
  readonly addresses: readonly string[];
  readonly port: number;
}

/** clustermesh-apiserver's port with each kind of service; the NodePort is the chart's default. */
export const apiserverPort = { LoadBalancer: 2379, NodePort: 32379 } as const;

/**
 * Meshing by Helm values (Cilium's "Setting up Cluster Mesh" guide): each side gets the others' addresses; one CA
 * for all, so the chart uses the local "remote" certificate for every peer. Only what a mesh on kind needs is set;
 * timeouts and intervals stay the chart's own, for a raised one would hide what the suites measure.
 */
export function helmValues(
  plan: LabPlan,
  cluster: PlannedCluster,
  artifacts: ClusterArtifacts,
  context: {
    readonly controlPlane: string;
    readonly ca: CertificateAuthority;
    readonly endpoints: readonly MeshEndpoint[];
  },
): Record<string, unknown> {
  const peers = context.endpoints.filter((e) => e.cluster !== cluster.name);
  const own = context.endpoints.find((e) => e.cluster === cluster.name)!;
  const base: Record<string, unknown> = {
    cluster: { name: cluster.name, id: cluster.id },
    ipam: { mode: "kubernetes" },
    kubeProxyReplacement: true,
    k8sServiceHost: context.controlPlane,
    k8sServicePort: 6443,
    routingMode: "tunnel",
    tunnelProtocol: "vxlan",
    // The health matrix is probed every 22 s rather than every 132 s (four nodes): a fresh one is waited for.
    connectivityProbeFrequencyRatio: 0,
    // Its agents' work for every new connection took half a core of two during a failover: the rig's load, not Cilium's answer.
    hubble: { enabled: false },
    // No Envoy here: L7 rules are unsupported and said to be.
    l7Proxy: false,
    envoy: { enabled: false },
    operator: { replicas: 1 },
    // The chart's capability list names SYS_RESOURCE, which a machine may lack.
    securityContext: { privileged: true },
    // LoadBalancer services get their address from Cilium itself and answer on the lab's network.
    l2announcements: { enabled: true },
    externalIPs: { enabled: true },
    tls: { ca: { cert: base64(context.ca.cert), key: base64(context.ca.key) } },
    clustermesh: {
      useAPIServer: true,
      apiserver: {
        // certgen's image is not built: the chart itself signs.
        tls: { auto: { method: "helm" } },
        service: {
          type: plan.serviceType,
          ...(plan.serviceType === "LoadBalancer"
            ? { annotations: { "lbipam.cilium.io/ips": own.addresses[0] } }
            : { nodePort: apiserverPort.NodePort }),
        },
      },
      config: {
        enabled: true,
        clusters: peers.map((peer) => ({ name: peer.cluster, port: peer.port, ips: peer.addresses })),
      },
    },
  };
  return mergeValues(mergeValues(base, artifacts.imageValues), cluster.values);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
