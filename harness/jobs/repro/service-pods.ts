import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import { isUsers, selects, type Workload, workloadsOf } from "./stand-ins.ts";

/**
 * How many pods a service has in its own cluster; undefined where the files do not tell, as where none of them has a
 * workload of it: manifests as people post them are seldom all.
 */
export function podsByService(
  clusters: readonly SourceCluster[],
): (c: SourceCluster, service: SourceObject) => number | undefined {
  const workloads = new Map(clusters.map((c) => [c, workloadsOf(c)]));
  const known = new Set(
    clusters.flatMap((c) => c.services.filter((s) => ownOf(s, workloads.get(c) ?? []).length > 0).map(keyOf)),
  );
  return (c, s) => (known.has(keyOf(s)) ? podsOf(s, c, workloads.get(c) ?? []) : undefined);
}

const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace}/${metadata.name}`;

/** The workloads that a service selects. */
const ownOf = ({ metadata, spec }: SourceObject, workloads: readonly Workload[]): Workload[] =>
  workloads.filter((w) => w.namespace === metadata.namespace && selects(spec?.selector, w.labels));

function podsOf(s: SourceObject, c: SourceCluster, workloads: readonly Workload[]): number | undefined {
  const selector = s.spec?.selector as Readonly<Record<string, string>> | null | undefined;
  const isSelecting = typeof selector === "object" && selector !== null && Object.keys(selector).length > 0;
  if (!isSelecting || s.spec?.type === "ExternalName" || !isUsers(s)) return undefined;
  const own = ownOf(s, workloads);
  const pods = own.reduce((sum, w) => sum + w.replicas, 0);
  if (pods > 0) return pods;
  // Without any workload of its namespace, the files of this cluster hold none of them.
  const isRead = workloads.some((w) => w.namespace === s.metadata.namespace);
  if (!isRead || hasEndpoints(s, c) || own.some((w) => isScaledByOthers(w, c))) return undefined;
  // Such as pods of a Job, which are no workload that lasts.
  const isSelected = (o: SourceObject): boolean =>
    o.metadata.namespace === s.metadata.namespace && selects(selector, o.metadata.labels ?? {});
  return c.pods.some(isSelected) ? undefined : 0;
}

/** Addresses that the cluster itself, or a person, wrote for a service. */
const hasEndpoints = ({ metadata }: SourceObject, c: SourceCluster): boolean =>
  c.others.some(
    (o) =>
      (o.metadata.namespace ?? "default") === metadata.namespace &&
      ((o.kind === "EndpointSlice" &&
        o.metadata.labels?.["kubernetes.io/service-name"] === metadata.name &&
        listOf(o.endpoints).length > 0) ||
        (o.kind === "Endpoints" && o.metadata.name === metadata.name && listOf(o.subsets).length > 0)),
  );

/** By KEDA, which scales to zero between requests, or by a Rollout of Argo, which runs the pods in its place. */
const isScaledByOthers = (w: Workload, c: SourceCluster): boolean =>
  c.others.some(
    ({ kind, metadata, spec }) =>
      (metadata.namespace ?? "default") === w.namespace &&
      ((kind === "ScaledObject" && spec?.scaleTargetRef?.name === w.name) ||
        spec?.workloadRef?.name === w.name),
  );
