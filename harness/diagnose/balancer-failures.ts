import type { ClusterSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import { ciliumNamespace, kubectl } from "./parts.ts";
import { eventsOf } from "./pod-start.ts";
import { helmUpgrade } from "./repairs.ts";

/** Why a controller makes no load balancer for a service, in its words, and what to do. */
export interface BalancerFailure {
  readonly text: string;
  readonly next: string;
}

const longest = 300;

/**
 * Reasons of the service controller (k8s.io/cloud-provider/controllers/service: `SyncLoadBalancerFailed`), of MetalLB and of
 * AWS' controller (`FailedDeployModel`); other warnings about a service are not about its load balancer.
 */
const reasons = /LoadBalancer|^AllocationFailed$|^Failed(?:Build|Deploy)Model$/;

/** By the last warning about a service; undefined where there is none. */
export function balancerFailure(
  cluster: ClusterSnapshot,
  service: Pick<ServiceState, "namespace" | "name">,
): BalancerFailure | undefined {
  const { namespace, name } = service;
  const last = eventsOf(cluster)
    .filter((e) => e.kind === "Service" && e.namespace === namespace && e.name === name)
    .filter((e) => reasons.test(e.reason))
    .toSorted((a, b) => a.at.localeCompare(b.at))
    .at(-1);
  if (last === undefined) return undefined;
  const text = last.message.slice(0, longest);
  const describe = kubectl(namespace, "describe", `service/${name}`);
  return {
    text,
    next: /load balancer affinity/i.test(text)
      ? withoutAffinity(cluster, service)
      : `correct what its controller says: ${describe}`,
  };
}

/** AWS' classic load balancers have no affinity (cilium#32646); Helm sets it with several replicas of clustermesh-apiserver. */
function withoutAffinity(
  cluster: ClusterSnapshot,
  { namespace, name }: Pick<ServiceState, "namespace" | "name">,
): string {
  const isMeshs = name === "clustermesh-apiserver" && namespace === ciliumNamespace(cluster);
  return isMeshs
    ? `leave session affinity out: ${helmUpgrade(cluster, "clustermesh.apiserver.service.enableSessionAffinity=Never")}; then clusters that contact ${cluster.name} need the address that it gets`
    : `leave session affinity out: ${kubectl(namespace, "patch", `service/${name}`, "--type", "merge", "-p", '{"spec":{"sessionAffinity":"None"}}')}`;
}
