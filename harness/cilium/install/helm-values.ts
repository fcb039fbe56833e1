/** clustermesh-apiserver's port with each kind of service; the NodePort is the chart's default. */
export const apiserverPort = { LoadBalancer: 2379, NodePort: 32379 } as const;

/**
 * What a lab on kind needs, whatever the way of meshing. Timeouts and intervals stay the chart's own, for a raised one
 * would hide what the suites measure.
 */
export function baseValues(of: {
  readonly cluster: { readonly name: string; readonly id: number };
  /** The node whose API server agents ask while there is no service yet. */
  readonly controlPlane: string;
}): Record<string, unknown> {
  return {
    cluster: of.cluster,
    ipam: { mode: "kubernetes" },
    kubeProxyReplacement: true,
    k8sServiceHost: of.controlPlane,
    k8sServicePort: 6443,
    routingMode: "tunnel",
    tunnelProtocol: "vxlan",
    // The health matrix is probed every 22 s rather than every 132 s (four nodes): a fresh one is waited for.
    connectivityProbeFrequencyRatio: 0,
    // Its agents' work for every new connection took half a core of two during a failover: the rig's load, not Cilium's answer.
    hubble: { enabled: false },
    // certgen's image is not built: the chart itself signs.
    clustermesh: { apiserver: { tls: { auto: { method: "helm" } } } },
    // No Envoy here: L7 rules are unsupported and said to be.
    l7Proxy: false,
    envoy: { enabled: false },
    operator: { replicas: 1 },
    // The chart's capability list names SYS_RESOURCE, which a machine may lack.
    securityContext: { privileged: true },
    // LoadBalancer services get their address from Cilium itself and answer on the lab's network.
    l2announcements: { enabled: true },
    externalIPs: { enabled: true },
  };
}
