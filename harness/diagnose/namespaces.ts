import { shortList } from "#harness/lib/short-list.ts";
import type { ObjectCondition } from "#harness/model/api-objects.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NamespaceState } from "#harness/model/mesh-snapshot.ts";
import { collectedMsOf } from "#harness/semantics/apart.ts";
import { refusalOf } from "#harness/semantics/refusals.ts";
import { findingOf } from "./catalogue/index.ts";
import { meshServicesIn } from "./mesh-services.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";

/** Namespaces whose deletion does not end: nothing can be created in them, so what lacks there is an effect. */
export function namespaces(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    known(cluster.namespaces).flatMap((namespace) => {
      const why = stuckBy(cluster, namespace);
      return why.length === 0 ? [] : [stuck(mesh, cluster, { namespace, why })];
    }),
  );
}

/** Whether nothing can be created in a namespace, because it is being deleted. */
export const isEnding = (cluster: ClusterSnapshot, name: string): boolean =>
  known(cluster.namespaces).some((n) => n.name === name && n.ending === true);

/** Of a deletion that goes on as it should: pods end within their grace period. */
const usual = [
  "NamespaceContentRemaining",
  "NamespaceFinalizersRemaining",
  "NamespaceDeletionContentFailure",
];
const usualMs = 120_000;

/** What keeps its deletion from ending; what is usual in one counts only if it lasts. */
function stuckBy(
  cluster: ClusterSnapshot,
  { ending, deletedMs, conditions = [] }: NamespaceState,
): readonly ObjectCondition[] {
  if (ending !== true) return [];
  const nowMs = collectedMsOf(cluster);
  const lasts = nowMs !== undefined && deletedMs !== undefined && nowMs - deletedMs > usualMs;
  const counted = conditions.filter((c) => lasts || !usual.includes(c.type));
  // What fails first explains what remains.
  return counted.toSorted((a, b) => Number(usual.includes(a.type)) - Number(usual.includes(b.type)));
}

interface Stuck {
  readonly namespace: NamespaceState;
  readonly why: readonly ObjectCondition[];
}

function stuck(mesh: MeshSnapshot, cluster: ClusterSnapshot, { namespace, why }: Stuck): Finding {
  const { name, deletedMs } = namespace;
  const services = meshServicesIn(mesh, name);
  const isOwn = name === ciliumNamespace(cluster);
  const since = deletedMs === undefined ? "" : ` since ${new Date(deletedMs).toISOString()}`;
  const said = why.map((c) => `${c.type}: ${c.message === "" ? c.reason : c.message}`).join("; ");
  const titles = services.map((s) => `${s.namespace}/${s.name} of ${s.cluster.name}`);
  const concerns = titles.length === 0 ? "" : `; it is the namespace of ${shortList(titles, 3)}`;
  return findingOf("namespace-terminating", {
    // What only remains may be pods with a long grace period.
    severity: (isOwn || services.length > 0) && !isSlow(why) ? "broken" : "suspect",
    cluster: cluster.name,
    subject: `namespace ${name} of ${cluster.name}`,
    message: `namespace ${name} of ${cluster.name} is being deleted${since} and its deletion does not end (${said}): nothing can be created in it${concerns}`,
    next: `${repairs(name, why).join("; ")}; the deletion then ends by itself within minutes, and the namespace and its objects can be created again if they are needed; do not empty the finalizers of the namespace, which leaves its objects behind`,
  });
}

const isSlow = (why: readonly ObjectCondition[]): boolean =>
  why.every((c) => c.type === "NamespaceContentRemaining");

function repairs(name: string, why: readonly ObjectCondition[]): string[] {
  const found = why.flatMap((condition) => [
    ...groupsOf(condition).map(
      ({ group, service }) =>
        `bring back the server of ${group}, or if it is gone for good: ${kubectl("", "delete", `apiservice/${service}`)}`,
    ),
    ...finalizersOf(condition).map((f) => `bring back the controller that removes the finalizer ${f}`),
    ...webhooksOf(condition).map((w) => `bring back the server of webhook ${w}, or remove the webhook`),
  ]);
  const remaining = why.flatMap(resourcesOf);
  const look =
    remaining.length === 0
      ? kubectl("", "get", `namespace/${name}`, "-o", "yaml")
      : kubectl(name, "get", remaining.slice(0, 10).join(","));
  const isExplained = why.some((c) => groupsOf(c).length > 0);
  return [...new Set(isExplained ? found : [...found, look])];
}

/**
 * Groups of the API whose server does not answer, with their APIServices: `metrics.k8s.io/v1beta1: stale GroupVersion
 * discovery: metrics.k8s.io/v1beta1` (`ErrGroupDiscoveryFailed`, k8s.io/client-go/discovery/discovery_client.go).
 */
function groupsOf({
  type,
  message,
}: ObjectCondition): { readonly group: string; readonly service: string }[] {
  if (type !== "NamespaceDeletionDiscoveryFailure") return [];
  const found = [
    ...message.matchAll(/(?:^|[\s,])([a-z0-9][a-z0-9.-]{0,200})\/(v\d[a-z0-9]{0,20})(?=: )/g),
  ].map(([, group = "", version = ""]) => `${group}/${version}`);
  return [...new Set(found)].map((group) => ({ group, service: group.split("/").toReversed().join(".") }));
}

/** `kubernetes.io/pvc-protection in 1 resource instances` (`updateNamespaceStatus` of the namespace controller). */
const finalizersOf = ({ type, message }: ObjectCondition): string[] =>
  type === "NamespaceFinalizersRemaining"
    ? Array.from(message.matchAll(/([\w./-]{1,253}) in \d+ resource instances/g), ([, name = ""]) => name)
    : [];

/** `pods. has 1 resource instances, widgets.example.com has 2 resource instances`; the core group has no name. */
const resourcesOf = ({ type, message }: ObjectCondition): string[] =>
  type === "NamespaceContentRemaining"
    ? Array.from(
        message.matchAll(/([a-z0-9][a-z0-9.-]{0,252}) has \d+ resource instances/g),
        ([, name = ""]) => name.replace(/\.$/, ""),
      )
    : [];

function webhooksOf({ message }: ObjectCondition): string[] {
  const refusal = refusalOf(message);
  return refusal?.kind === "webhook-silent" ? [refusal.name] : [];
}
