import type { Tuning } from "#harness/model/tuning.ts";

/** clustermesh-apiserver's port with each kind of service; the NodePort is the chart's default. */
export const apiserverPort = { LoadBalancer: 2379, NodePort: 32379 } as const;

/**
 * The values that a lab on kind needs with every mesh installer. Timeouts and intervals stay the chart's defaults,
 * because raised ones would hide what the suites measure.
 */
export function baseValues(of: {
  readonly tuning: Tuning;
  readonly cluster: { readonly name: string; readonly id: number };
  /** The node whose API server agents connect to before the Kubernetes service works. */
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
    // Probes the health matrix every 22 s instead of every 132 s (four nodes), because tests wait for a fresh one.
    connectivityProbeFrequencyRatio: 0,
    // During a failover Hubble's work for new connections took half a core of two, which would distort figures. An
    // untuned lab has it as in the chart, without relay and UI, whose images are not built.
    hubble:
      of.tuning === "tuned" ? { enabled: false } : { relay: { enabled: false }, ui: { enabled: false } },
    // The chart signs its certificates itself, because certgen's image is not built.
    clustermesh: { apiserver: { tls: { auto: { method: "helm" } } } },
    // No Envoy: L7 rules are reported as unsupported.
    l7Proxy: false,
    envoy: { enabled: false },
    operator: { replicas: 1 },
    // The chart's default capabilities include SYS_RESOURCE, which a machine may lack.
    securityContext: { privileged: true },
    // Cilium itself assigns the addresses of LoadBalancer services and announces them on the lab's network.
    l2announcements: { enabled: true },
    externalIPs: { enabled: true },
  };
}
