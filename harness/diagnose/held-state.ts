import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import {
  type Difference,
  describeDifference,
  describeTogether,
  type Place,
} from "#harness/semantics/compare.ts";
import { meshDifferences } from "#harness/semantics/mesh-differences.ts";
import { explainedDifferences, isCopyLost } from "./held-causes.ts";
import { ciliumNamespace, kubectl, nameOf } from "./parts.ts";
import { agents, apiserver, operator, restart, restartAgent } from "./repairs.ts";

/** The order of the steps: what one holds wrongly explains the next. */
const hops: readonly Place["hop"][] = ["api", "kvstore", "cache", "agent", "map"];

/**
 * What API servers, kvstores, copies of KVStoreMesh, agents and BPF maps hold, each against the step before it: an entry
 * is named where it is lost, and not again at the steps after it.
 */
export function heldState(mesh: MeshSnapshot): Finding[] {
  // A node without an agent is the control plane's, or was not read.
  const isExplained = explainedDifferences(mesh);
  const found = meshDifferences(mesh).differences.filter(
    (d) => d.object !== "agent of node" && !isExplained(d),
  );
  return groupsOf(found)
    .sort((a, b) => hops.indexOf(a.first.place.hop) - hops.indexOf(b.first.place.hop))
    .map((group) => findingOf(mesh, group));
}

/** Differences of one kind, each at the same places. */
interface Group {
  readonly first: Difference;
  readonly all: readonly Difference[];
  readonly places: readonly Place[];
}

/** Without the node: `the ipcache of`. */
const kindOfPlace = ({ text, cluster, node }: Place): string =>
  node === undefined ? text : text.replace(`${cluster}/${node}`, "");

const joined = (...texts: readonly (string | undefined)[]): string => JSON.stringify(texts);

function groupsOf(differences: readonly Difference[]): Group[] {
  const entries = new Map<string, { first: Difference; places: Place[] }>();
  for (const d of differences) {
    const key = joined(
      ...[d.kind, kindOfPlace(d.place), d.place.cluster, d.of, d.object],
      ...[d.name, d.field, d.expected, d.held],
    );
    const known = entries.get(key);
    if (known === undefined) entries.set(key, { first: d, places: [d.place] });
    else known.places.push(d.place);
  }
  const groups = new Map<string, { first: Difference; all: Difference[]; places: readonly Place[] }>();
  for (const { first, places } of entries.values()) {
    const { kind, place, of, object, field } = first;
    const key = joined(kind, kindOfPlace(place), of, object, field, ...places.map((p) => p.text));
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { first, all: [first], places });
    else known.all.push(first);
  }
  return [...groups.values()];
}

function findingOf(mesh: MeshSnapshot, group: Group): Finding {
  const { first, all, places } = group;
  return {
    layer: "expected state",
    severity: "broken",
    cluster: first.place.cluster,
    subject: subjectOf(group),
    message:
      all.length === 1 && places.length === 1 ? describeDifference(first) : describeTogether(all, places),
    next: isCopyLost(mesh, first)
      ? `correct the connection of KVStoreMesh of ${first.place.cluster} to ${first.of} first: it writes its copy anew by itself`
      : remedy(mesh, group),
  };
}

/** The object, where it is one of the API server; else the place. */
function subjectOf({ first, places }: Group): string {
  const { hop, cluster } = first.place;
  if (hop === "api") return `${first.object} ${first.name} of ${cluster}`;
  const [place = first.place, ...others] = places;
  const text = place.text.replace(/^the /, "");
  return others.length === 0 ? text : `${text} and ${others.length} more`;
}

/** Each holder writes what it lacks when it starts; what only an API server has is removed there. */
function remedy(mesh: MeshSnapshot, { first, all, places }: Group): string {
  const { place } = first;
  const cluster = mesh.clusters.find((c) => nameOf(c) === place.cluster);
  // Every place is a cluster's of the mesh.
  if (cluster === undefined) return `restart what holds it in ${place.cluster}`;
  if (place.hop === "api") return ofObjects(cluster, all);
  if (place.hop === "kvstore" || place.hop === "cache") {
    if (place.pod !== undefined) return kubectl(ciliumNamespace(cluster), "delete", `pod/${place.pod}`);
    const settings = cluster.config.ok ? cluster.config.value : {};
    return settings["identity-allocation-mode"] === "kvstore" && place.hop === "kvstore"
      ? restart(cluster, operator, agents)
      : restart(cluster, apiserver);
  }
  const [node, ...others] = places.map((p) => p.node ?? "");
  return others.length === 0 && node !== undefined ? restartAgent(cluster, node) : restart(cluster, agents);
}

/** As many as the message names: to delete hundreds of pods at once would do more harm. */
const mostRepaired = 5;

/** Of one kind, of one or of several namespaces. */
function ofObjects(cluster: ClusterSnapshot, differences: readonly Difference[]): string {
  const all = differences.slice(0, mostRepaired);
  const [first] = all;
  if (first === undefined) return "";
  const { kind, object } = first;
  if (object === "CiliumNode")
    return kind === "stale"
      ? kubectl("", "delete", ...all.map((d) => `ciliumnode/${d.name}`))
      : all.map((d) => restartAgent(cluster, d.name)).join("; ");
  const what = kind === "stale" ? "ciliumendpoint" : "pod";
  const named = all.map((d) => {
    const [namespace = "", pod = ""] = d.name.split("/");
    return { namespace, object: `${what}/${pod}` };
  });
  return [...Map.groupBy(named, (n) => n.namespace)]
    .map(([namespace, of]) => kubectl(namespace, "delete", ...of.map((n) => n.object)))
    .join("; ");
}
