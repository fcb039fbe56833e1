import type { Cluster } from "#harness/cluster/cluster.ts";
import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { echoHttpPort } from "#harness/workloads/echo.ts";
import { appliedPolicy, policyObject } from "#harness/workloads/policy-workload.ts";

export const clusterLabel = "io.cilium.k8s.policy.cluster";
export const server = { matchLabels: { role: "server" } };
export const httpPort = [{ ports: [{ port: String(echoHttpPort), protocol: "TCP" }] }];

/** Of documentation (RFC 5737): no address of a pod, a node or a gateway. */
export const foreignBlock = "192.0.2.0/24";

type Spec = Readonly<Record<string, unknown>>;

export const withPolicy = (
  cluster: Cluster,
  namespace: string,
  name: string,
  spec: Spec,
): Promise<AsyncDisposable> => appliedPolicy(cluster, policyObject(namespace, name, spec));

/** The same for a NetworkPolicy of Kubernetes. */
export function withNetworkPolicy(
  cluster: Cluster,
  namespace: string,
  name: string,
  spec: Spec,
): Promise<AsyncDisposable> {
  const { apiVersion, kind } = kinds.networkPolicy;
  const policy: KubeObject = { apiVersion, kind, metadata: { name, namespace }, spec };
  return appliedPolicy(cluster, policy, kinds.networkPolicy);
}

/** Whether a selector without a cluster label means a cluster's own pods only, by its ConfigMap. */
export const meansOwnCluster = async (cluster: Cluster): Promise<boolean> =>
  (await cluster.setting("policy-default-local-cluster")) === "true";
