import type { RefusedRequest } from "#harness/model/api-objects.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { collectedMsOf } from "#harness/semantics/apart.ts";
import { creationFailures } from "#harness/semantics/pod-start.ts";
import { type Refusal, type Right, refusalOf } from "#harness/semantics/refusals.ts";
import { ciliumNamespace, known } from "./parts.ts";
import { eventsOf } from "./pod-start.ts";
import { lackingPods } from "./uncreated-pods.ts";

/** More failures in a row are not transient: an agent waits longer after each one. */
export const mostTransientFailures = 2;

/** Requests that the API server of a cluster refused. */
export interface Refused {
  readonly refusal: Refusal;
  /** Whose they are: `controller x of the agent of n`. */
  readonly who: string;
  /** The pod whose log says so. */
  readonly pod?: string;
  /** The namespace of what could not be created. */
  readonly namespace?: string;
  /** Whether it lasts, and something of Cilium or the mesh depends on it. */
  readonly isBroken: boolean;
}

/** What the API server refuses now, by agents' controllers, by logs, and by the events of workloads without pods. */
export const refusedOf = (mesh: MeshSnapshot, cluster: ClusterSnapshot): Refused[] => [
  ...byControllers(cluster),
  ...byLogs(cluster),
  ...byEvents(mesh, cluster),
];

/** A namespace that is being deleted refuses what is created meanwhile; one that is stuck is another finding. */
function refused(message: string): Refusal | undefined {
  const refusal = refusalOf(message);
  return refusal?.kind === "terminating" ? undefined : refusal;
}

/** The replicas of clustermesh-apiserver whose etcd is full: what its kvstore lacks is an effect. */
export const fullReplicas = (cluster: ClusterSnapshot): ReadonlySet<string> =>
  new Set(
    byLogs(cluster).flatMap(({ refusal, pod, who }) =>
      refusal.kind === "kvstore-full" && pod !== undefined && isOfApiserver(who) ? [pod] : [],
    ),
  );

/** Whether a request is one of a program of clustermesh-apiserver, which writes to the etcd of its own pod. */
export const isOfApiserver = (who: string): boolean => /^container (apiserver|kvstoremesh) of /.test(who);

/** Whether the message of a failure is one that is reported here. */
export const isRefused = (message: string): boolean => refused(message) !== undefined;

function byControllers(cluster: ClusterSnapshot): Refused[] {
  return cluster.agents.flatMap(({ node, controllers }) =>
    known(controllers).flatMap(({ name, failures, message }) => {
      const refusal = refused(message);
      const who = `controller ${name} of the agent of ${node}`;
      const isBroken = failures > mostTransientFailures || refusal?.kind === "kvstore-full";
      return refusal === undefined ? [] : [{ refusal, who, isBroken }];
    }),
  );
}

/** A refused list is tried again at least once a minute (the backoff of reflectors in k8s.io/client-go, 30 s with jitter). */
const recentMs = 150_000;

function byLogs(cluster: ClusterSnapshot): Refused[] {
  const nowMs = collectedMsOf(cluster);
  return known(cluster.refusedRequests).flatMap((request) => {
    const refusal = refused(request.text);
    if (refusal === undefined) return [];
    const { container, atMs, times } = request;
    const pods = podsOf(cluster, request);
    const ofPod = pods[0]?.name ?? request.pod ?? cluster.name;
    // Said once when it starts, and true as long as it runs: a log is of the container that runs now.
    if (refusal.kind === "crd-missing")
      return [{ refusal, pod: ofPod, who: `container ${container} of ${ofPod}`, isBroken: true }];
    const down = pods.find((p) => p.containers.some((c) => c.name === container && !c.ready));
    const isRecent = nowMs !== undefined && atMs !== undefined && nowMs - atMs <= recentMs;
    // It had the right again, or the webhook answered, before the pod became ready.
    const isOver = pods.some((p) => p.readySinceMs !== undefined && p.readySinceMs > (atMs ?? 0));
    const isBlocked = down !== undefined && refusal.kind === "forbidden";
    if (!isBlocked && (!isRecent || isOver)) return [];
    const pod = (down ?? pods[0])?.name ?? request.pod ?? request.node ?? cluster.name;
    // The alarm of a full etcd stays until somebody disarms it.
    const isLasting =
      refusal.kind === "kvstore-full" ||
      (times > mostTransientFailures && (refusal.right === undefined || isMeshs(refusal.right)));
    return [
      {
        ...{ refusal, pod },
        who: `container ${container} of ${pod}${down === undefined ? "" : ", which is not ready"}`,
        isBroken: down !== undefined || isLasting,
      },
    ];
  });
}

/** Of one replica its file has no pod's name. */
function podsOf(cluster: ClusterSnapshot, { pod, node, container }: RefusedRequest): PodState[] {
  const own = ciliumNamespace(cluster);
  return known(cluster.pods).filter(
    (p) =>
      p.namespace === own &&
      !p.ending &&
      p.ended !== true &&
      p.containers.some((c) => c.name === container) &&
      (pod === undefined || p.name === pod) &&
      (node === undefined || p.node === node),
  );
}

const meshGroups = ["cilium.io", "discovery.k8s.io", "multicluster.x-k8s.io"];
const meshResources = ["pods", "services", "endpoints", "nodes", "namespaces", "secrets", "configmaps"];

/** Whether it must read these to know the mesh; or to lead, as an operator must before it does anything. */
const isMeshs = ({ verb, resource, group }: Right): boolean =>
  (["list", "watch"].includes(verb) &&
    (meshGroups.includes(group) || (group === "" && meshResources.includes(resource)))) ||
  group === "coordination.k8s.io";

/** Pods that are not there because nobody may create them. */
function byEvents(mesh: MeshSnapshot, cluster: ClusterSnapshot): Refused[] {
  return lackingPods(mesh, cluster).flatMap(({ workload, isBroken }) => {
    const refusals = creationFailures(workload, eventsOf(cluster)).map((e) => refused(e.message));
    const [refusal] = refusals.filter((r) => r !== undefined);
    const { kind, namespace, name } = workload;
    return refusal === undefined
      ? []
      : [{ refusal, who: `pods of ${kind} ${namespace}/${name}`, namespace, isBroken }];
  });
}
