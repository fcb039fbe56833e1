import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KindRef, type KubeObject, kinds } from "#harness/kube/kube.ts";
import { clusterKey } from "#harness/semantics/policy-model.ts";
import { echoHttpPort } from "./echo.ts";
import { policyObject } from "./policy-workload.ts";
import { type ClientRole, type ServerRole, standingNamespace } from "./standing-pods.ts";

interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** The pods with a role in each of these clusters, by name: this means the same in every version. */
const everywhere = (role: ClientRole | ServerRole, clusters: readonly string[]): Selector[] =>
  clusters.map((name) => ({ matchLabels: { role, [clusterKey]: name } }));

const having = (role: ClientRole | ServerRole): Selector => ({ matchLabels: { role } });
const http = [{ ports: [{ port: String(echoHttpPort), protocol: "TCP" }] }];

/**
 * The policies of one cluster: what they deny and allow is in `standing-paths.ts` of measure. `outside`: the address of
 * the server outside all clusters.
 */
export function standingPolicies(clusters: readonly string[], outside: string): KubeObject[] {
  const cilium = (name: string, spec: Record<string, unknown>): KubeObject =>
    policyObject(standingNamespace, name, spec);
  return [
    cilium("allowed-clients-only", {
      endpointSelector: having("server"),
      ingress: [{ fromEndpoints: everywhere("allowed", clusters) }],
    }),
    cilium("all-but-denied-clients", {
      endpointSelector: having("server-deny"),
      ingress: [{ fromEntities: ["all"] }],
      ingressDeny: [{ fromEndpoints: everywhere("denied", clusters) }],
    }),
    {
      apiVersion: kinds.networkPolicy.apiVersion,
      kind: kinds.networkPolicy.kind,
      metadata: { name: "allowed-clients-only", namespace: standingNamespace },
      spec: {
        podSelector: having("server-kubernetes"),
        policyTypes: ["Ingress"],
        ingress: [{ from: everywhere("allowed", clusters).map((podSelector) => ({ podSelector })) }],
      },
    },
    // Its meaning depends on policyDefaultLocalCluster: up to 1.18 the clients of every cluster, then of its own.
    cilium("without-cluster-label", {
      endpointSelector: having("server-unlabelled"),
      ingress: [{ fromEndpoints: [having("allowed")] }],
    }),
    cilium("egress-to-a-port", {
      endpointSelector: having("egress"),
      egress: [{ toEndpoints: everywhere("target", clusters), toPorts: http }],
    }),
    cilium("egress-to-a-cidr", {
      endpointSelector: having("egress"),
      egress: [{ toCIDR: [`${outside}/32`], toPorts: http }],
    }),
  ];
}

const policyKinds: readonly KindRef[] = [kinds.ciliumNetworkPolicy, kinds.networkPolicy];

/** Allows everything by removing all policies of the namespace, because an older Meshproof used other names. */
export async function unprotect({ kube }: Cluster): Promise<void> {
  for (const kind of policyKinds)
    for (const { metadata } of await kube.list(kind, standingNamespace))
      await kube.remove(kind, standingNamespace, metadata.name);
}

/** Whether a selector without a cluster label means a cluster's own pods only, by its ConfigMap. */
export const selectsOwnCluster = async (cluster: Cluster): Promise<boolean> =>
  (await cluster.setting(policyDefaultKey)) === "true";

/** Its key in Cilium's ConfigMap; absent up to 1.17. */
export const policyDefaultKey = "policy-default-local-cluster";
