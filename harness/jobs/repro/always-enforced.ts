import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { cutOff, type NeededPart } from "#harness/semantics/always-enforced.ts";
import { hasHealthEndpoint } from "#harness/semantics/mesh-settings.ts";
import type { PolicyCluster } from "#harness/semantics/policy-clusters.ts";
import { apiserverLabels } from "./apiserver-labels.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

const apiserver = "clustermesh-apiserver";

/** With the labels of the chart, of kubeadm's CoreDNS, and of Cilium's own endpoint. */
function neededParts(c: SourceCluster): NeededPart[] {
  const service = c.services.find((s) => s.metadata.name === apiserver);
  const hasApiserver = at(c.values, "clustermesh.useAPIServer") === true || service !== undefined;
  const isProbed =
    at(c.values, "healthChecking") !== false &&
    at(c.values, "endpointHealthChecking.enabled") !== false &&
    hasHealthEndpoint({ settings: c.config });
  return [
    ...(hasApiserver
      ? [
          {
            title: apiserver,
            namespace: service?.metadata.namespace ?? "kube-system",
            labels: apiserverLabels,
            needs: { ingress: "TCP 2379", egress: "the API server and the peers" },
          },
        ]
      : []),
    {
      title: "CoreDNS",
      namespace: "kube-system",
      labels: { "k8s-app": "kube-dns" },
      needs: { ingress: "port 53", egress: "the API server and other resolvers" },
    },
    ...(isProbed
      ? [
          {
            title: "the health endpoints",
            namespace: "",
            labels: { "reserved:health": "" },
            needs: { ingress: "TCP 4240 and ICMP", egress: "the same" },
          },
        ]
      : []),
  ];
}

/** What `policyEnforcementMode: always` cuts off, as far as policies were read: others may be in files that were not. */
export function shutByDefault(c: SourceCluster, cluster: PolicyCluster): Problem[] {
  const shut = cutOff(cluster, neededParts(c));
  if (shut.length === 0) return [];
  const parts = shut.map(
    ({ part, sides }) => `${part.title} (${sides.map((s) => `${s}: ${part.needs[s]}`).join("; ")})`,
  );
  const effects = shut.some(({ part }) => part.title === apiserver)
    ? "other clusters, agents and names are cut off"
    : "names and health checks are cut off";
  return [
    {
      cluster: c.name,
      field: "policyEnforcementMode",
      inSource: `always denies all that no policy admits, and no policy that was given opens ${parts.join(", ")}: ${effects}, unless one that was not given does`,
      inLab: "default",
      matters: "perhaps",
    },
  ];
}
