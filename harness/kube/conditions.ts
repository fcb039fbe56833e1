import { type Look, notYet, ready } from "#harness/lib/eventually.ts";
import type { KubeObject } from "./kube.ts";

/** All pods of a DaemonSet's newest generation are ready. */
export function daemonSetReady(objects: readonly KubeObject[]): Look<KubeObject> {
  const set = objects[0];
  if (set === undefined) return notYet("no such DaemonSet");
  const s = set.status ?? {};
  const current = s.observedGeneration === set.metadata.generation;
  const desired = s.desiredNumberScheduled ?? 0;
  if (current && desired > 0 && s.numberReady === desired && s.updatedNumberScheduled === desired)
    return ready(set);
  return notYet(
    `DaemonSet ${set.metadata.name}: ${s.numberReady ?? 0} of ${desired} pods ready, ${s.updatedNumberScheduled ?? 0} updated`,
  );
}

/** All desired replicas of the newest generation are ready, and there are no others. */
export function deploymentReady(objects: readonly KubeObject[]): Look<KubeObject> {
  const set = objects[0];
  if (set === undefined) return notYet("no such Deployment");
  const s = set.status ?? {};
  const desired = set.spec?.replicas ?? 1;
  const current = s.observedGeneration === set.metadata.generation;
  if (
    current &&
    (s.readyReplicas ?? 0) === desired &&
    (s.replicas ?? 0) === desired &&
    (s.updatedReplicas ?? 0) === desired
  )
    return ready(set);
  return notYet(
    `Deployment ${set.metadata.name}: ${s.readyReplicas ?? 0} of ${desired} replicas ready, ${s.replicas ?? 0} in total`,
  );
}

/** Whether a condition of the object's status is True. */
export function hasCondition(object: KubeObject | undefined, type: string): boolean {
  return ((object?.status?.conditions ?? []) as { type: string; status: string }[]).some(
    (c) => c.type === type && c.status === "True",
  );
}

export function podReady(pod: KubeObject): boolean {
  return pod.metadata.deletionTimestamp === undefined && hasCondition(pod, "Ready");
}

/** No object is left. */
export function allGone(objects: readonly KubeObject[]): Look<undefined> {
  if (objects.length === 0) return ready(undefined);
  return notYet(`still present: ${objects.map((o) => o.metadata.name).join(", ")}`);
}

/** No object is being deleted. A deployment does not count its terminating pods. */
export function noneTerminating(objects: readonly KubeObject[]): Look<undefined> {
  const ending = objects.filter((o) => o.metadata.deletionTimestamp !== undefined).length;
  return ending === 0 ? ready(undefined) : notYet(`${ending} are terminating`);
}

/** The address of a LoadBalancer service; undefined if none is assigned yet. */
export function loadBalancerIp(service: KubeObject | undefined): string | undefined {
  return (service?.status?.loadBalancer?.ingress as { ip?: string }[] | undefined)?.[0]?.ip;
}

/** A LoadBalancer service has its address. */
export function hasLoadBalancerIp([service]: readonly KubeObject[]): Look<string> {
  const ip = loadBalancerIp(service);
  return ip === undefined ? notYet("no address") : ready(ip);
}

/** The phases of a completed pod; a job's pod remains for a while. */
export function isEnded(phase: unknown): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
