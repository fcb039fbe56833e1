import { found } from "#harness/lib/found.ts";
import { shortList } from "#harness/lib/short-list.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { NamespaceState } from "#harness/model/mesh-snapshot.ts";
import { annotation, isShared } from "#harness/semantics/annotations.ts";
import { type ClusterObjects, objectsOf, sharesNamespace } from "#harness/semantics/cluster-objects.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

const setting = "clustermesh-default-global-namespace";
const kinds = {
  addresses: "addresses and identities of pods",
  services: "global services and ServiceExports",
} as const;
type Kind = keyof typeof kinds;

/** What a move changes for a namespace: what is shared with other clusters, or no longer is. */
interface Change {
  readonly namespace: NamespaceState;
  readonly what: readonly Kind[];
  readonly ends: boolean;
}

/**
 * Namespaces that a cluster begins or ceases to share by the move: 1.18 takes no notice of their mark, 1.19 keeps back
 * addresses and identities of their pods, and 1.20 services and exports too (`sharesNamespace`).
 */
export const namespaceFindings = (clusters: readonly CheckedCluster[]): Found[] =>
  clusters.flatMap((cluster) => {
    if (cluster.from === undefined) return [];
    const [before, after] = [objectsAt(cluster, "before"), objectsAt(cluster, "after")];
    const { namespaces = [] } = before;
    const changes = namespaces.flatMap((namespace) => changeOf(namespace, before, after) ?? []);
    const groups = Map.groupBy(changes, ({ what, ends }) => JSON.stringify([what, ends]));
    return [...groups.values()].map((group) => ({
      cluster: cluster.name,
      finding: findingOf(cluster, group, before),
    }));
  });

/** The chart has the default from 1.20 on: in values for an older one it has no effect. */
function objectsAt(cluster: CheckedCluster, when: "before" | "after"): ClusterObjects {
  const [snapshot] = snapshotAt([cluster], when).clusters;
  const objects = objectsOf(found(snapshot, `snapshot of ${cluster.name}`));
  const hasDefault = objects.version === undefined || isAtLeast(objects.version, "1.20");
  return hasDefault ? objects : { ...objects, settings: { ...objects.settings, [setting]: undefined } };
}

function changeOf(
  namespace: NamespaceState,
  before: ClusterObjects,
  after: ClusterObjects,
): Change | undefined {
  const shares = (side: ClusterObjects, what: Kind): boolean =>
    sharesNamespace(side, what)(namespace.name) !== false;
  const what = (["addresses", "services"] as const).filter((k) => shares(before, k) !== shares(after, k));
  return what.length === 0 ? undefined : { namespace, what, ends: what.some((kind) => !shares(after, kind)) };
}

const namesShown = 5;

function findingOf(
  { to, source }: CheckedCluster,
  group: readonly Change[],
  before: ClusterObjects,
): CertificateFinding {
  const [first] = group;
  const { what = [], ends = false } = first ?? {};
  const names = new Set(group.map(({ namespace }) => namespace.name));
  const offered = [
    ...(before.services ?? [])
      .filter((s) => names.has(s.namespace) && isShared(s.annotations))
      .map((s) => `Service ${s.namespace}/${s.name}`),
    ...source.serviceExports
      .filter(({ metadata: { namespace = "" } }) => names.has(namespace))
      .map(({ metadata: m }) => `ServiceExport ${m.namespace}/${m.name}`),
  ];
  const which = offered.length === 0 ? "" : `; it concerns ${shortList(offered, namesShown)}`;
  const does = ends ? "no longer shares" : "begins to share";
  const where = `${names.size === 1 ? "namespace" : "namespaces"} ${shortList([...names], namesShown)}`;
  return {
    id: "feature-changes",
    // Whether another cluster uses pods by their address is not known.
    grade: ends && offered.length > 0 ? "serious" : "caution",
    message: `of ${where}, Cilium ${to} ${does} ${what.map((kind) => kinds[kind]).join(", and ")} with other clusters, by ${annotation.globalNamespace} or clustermesh.defaultGlobalNamespace${which} (operator/watchers/service_sync.go:295 of 1.20.2, clustermesh-apiserver/clustermesh/converters.go:195 of 1.19.7)`,
    remedy: ends
      ? `where other clusters need them, set ${annotation.globalNamespace}: "true" on the namespace`
      : "see that other clusters may use them, or take the mark of sharing from the services",
  };
}
