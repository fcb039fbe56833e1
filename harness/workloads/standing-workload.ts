import type { Cluster } from "#harness/cluster/cluster.ts";
import type { KindCluster } from "#harness/cluster/kind/kind-cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { namespaceObject } from "#harness/kube/namespace.ts";
import { found } from "#harness/lib/found.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { EchoBackends } from "./echo-service.ts";
import { clientPod, policyObject, serverPod } from "./policy-workload.ts";
import type { Vantage } from "./vantage.ts";

/** The workload of a whole certification; it belongs to no suite, so no suite removes it. */
export const standingNamespace = "mp-standing";
const policyName = "allowed-clients-only";

/** Services over the backends of every cluster: one prefers the client's own cluster, one the other clusters. */
export const standingServices = { local: "standing-local", remote: "standing-remote" } as const;

/** A server that policy protects, with a client that the policy allows and one that it denies. */
export interface ProtectedServer {
  readonly cluster: KindCluster;
  readonly server: { readonly ip: string; readonly node: string; readonly uid: string };
  readonly allowed: Vantage;
  readonly denied: Vantage;
}

export interface StandingWorkloadOptions {
  readonly clusters: readonly KindCluster[];
  readonly agnhostImage: string;
  readonly proberImage: string;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

export interface StandingWorkload {
  readonly echo: EchoBackends;
  readonly protectedServers: readonly ProtectedServer[];
}

async function standingPod(cluster: Cluster, name: string): Promise<KubeObject> {
  const pod = await cluster.kube.get(kinds.pod, standingNamespace, name);
  return found(pod, `pod ${standingNamespace}/${name} in ${cluster.name}`);
}

/** Echo backends, global services and protected servers in every cluster, without a policy yet. Idempotent. */
export async function deployStanding(options: StandingWorkloadOptions): Promise<StandingWorkload> {
  const { clusters, agnhostImage, proberImage, withinMs, signal } = options;
  for (const { kube } of clusters) await kube.apply(namespaceObject(standingNamespace));
  await Promise.all(clusters.map(unprotect));
  const echo = await EchoBackends.deploy(clusters, {
    namespace: standingNamespace,
    image: agnhostImage,
    replicas: 2,
    variant: { heartbeatImage: proberImage },
    withinMs,
    signal,
  });
  for (const [affinity, name] of Object.entries(standingServices))
    await echo.serve(name, { [annotation.global]: "true", [annotation.affinity]: affinity }, "LoadBalancer");
  const pods = { namespace: standingNamespace, withinMs, signal };
  const protectedServers = await Promise.all(
    clusters.map(async (cluster): Promise<ProtectedServer> => {
      const { ip, node } = await serverPod(cluster, { ...pods, image: agnhostImage });
      const client = async (role: "allowed" | "denied"): Promise<Vantage> => {
        await clientPod(cluster, role, { ...pods, image: proberImage });
        const { spec, status } = await standingPod(cluster, role);
        return {
          cluster: cluster.name,
          node: spec.nodeName,
          namespace: standingNamespace,
          pod: role,
          ip: status.podIP,
        };
      };
      const { metadata } = await standingPod(cluster, "server");
      return {
        cluster,
        server: { ip, node, uid: found(metadata.uid, `uid of pod server in ${cluster.name}`) },
        allowed: await client("allowed"),
        denied: await client("denied"),
      };
    }),
  );
  return { echo, protectedServers };
}

/**
 * Allows the allowed clients of every cluster and denies all others. It names every cluster: the meaning of a
 * selector without a cluster label changed with 1.19, and this policy must mean the same before and after.
 */
export async function protect(
  clusters: readonly Cluster[],
  protectedServers: readonly Cluster[] = clusters,
): Promise<void> {
  const fromEndpoints = clusters.map((c) => ({
    matchLabels: { role: "allowed", "io.cilium.k8s.policy.cluster": c.name },
  }));
  await Promise.all(
    protectedServers.map((c) =>
      c.kube.apply(
        policyObject(standingNamespace, policyName, {
          endpointSelector: { matchLabels: { role: "server" } },
          ingress: [{ fromEndpoints }],
        }),
      ),
    ),
  );
}

/** Allows every client by removing all policies, because an older Meshproof used another policy name. */
export async function unprotect({ kube }: Cluster): Promise<void> {
  for (const { metadata } of await kube.list(kinds.ciliumNetworkPolicy, standingNamespace))
    await kube.remove(kinds.ciliumNetworkPolicy, standingNamespace, metadata.name);
}
