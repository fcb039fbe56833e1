import type {
  CiliumEndpointState,
  ClusterSnapshot,
  MeshSnapshot,
  PodState,
} from "#harness/model/mesh-snapshot.ts";
import { podKey } from "./cluster-objects.ts";
import type { Difference } from "./compare.ts";
import type { ExportedState } from "./exported-state.ts";

/** Clusters read within it of each other count as read at once. */
const atOnceMs = 60_000;
/** A new endpoint may take as long to be known at every later step. */
const spreadMs = 10_000;

/** A cluster as it was read: when, and what it exports. */
interface Read {
  readonly name: string;
  readonly collectedMs: number | undefined;
  readonly exported: ExportedState;
}

export const collectedMsOf = ({ collectedMs }: ClusterSnapshot): number | undefined =>
  collectedMs?.ok === true ? collectedMs.value : undefined;

/** When the first cluster of a mesh was read; undefined for evidence without times. */
export function firstReadMs(mesh: MeshSnapshot): number | undefined {
  const times = mesh.clusters.flatMap((c) => collectedMsOf(c) ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Addresses of endpoints that came or went while a mesh was read. */
export const changingAddresses = (mesh: MeshSnapshot): ReadonlySet<string> => {
  const firstMs = firstReadMs(mesh);
  return new Set(
    mesh.clusters.flatMap((c) => [
      ...(c.changing?.ok === true ? c.changing.value : []),
      ...movingAddresses(c, firstMs),
    ]),
  );
};

/**
 * Addresses of endpoints that came or went while the clusters were read, or later than another cluster was: what was read
 * earlier has the one, what was read later the other. By what the agents logged, by the endpoints' own times, and by pods
 * that were replaced between two lists. Live evidence says itself which those are.
 */
export function movingAddresses(cluster: ClusterSnapshot, firstMs: number | undefined): string[] {
  const { ciliumEndpoints, endpointChanges, changing } = cluster;
  if (changing?.ok === true || firstMs === undefined) return [];
  const sinceMs = firstMs - spreadMs;
  const logged = (endpointChanges?.ok === true ? endpointChanges.value : []).filter((c) => c.atMs >= sinceMs);
  const young = (ciliumEndpoints.ok ? ciliumEndpoints.value : []).filter(
    ({ createdMs = 0 }) => createdMs >= sinceMs,
  );
  return [
    ...logged.map((c) => c.ip),
    ...young.flatMap((e) => [e.ip, ...(e.ipv6 === undefined ? [] : [e.ipv6])]),
    ...replacedPods(cluster, young).flatMap((p) => [p.ip, ...(p.ips ?? [])]),
  ];
}

/** The workload's part of a pod's name: `shop/cart-7d84` of `shop/cart-7d84-x2x4z`. */
const workloadOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name.replace(/-[^-]*$/, "")}`;

/**
 * Pods of a list that is older than the list of endpoints: a new endpoint has a pod that the list lacks or that has another
 * address, and pods of the same workload have no endpoint any more.
 */
function replacedPods(
  { pods, ciliumEndpoints }: ClusterSnapshot,
  young: readonly CiliumEndpointState[],
): readonly PodState[] {
  if (!pods.ok || !ciliumEndpoints.ok || young.length === 0) return [];
  const listed = new Set(pods.value.map((p) => `${podKey(p)} ${p.ip}`));
  const came = new Set(young.filter((e) => !listed.has(`${podKey(e)} ${e.ip}`)).map(workloadOf));
  const left = new Set(ciliumEndpoints.value.map((e) => `${podKey(e)} ${e.ip}`));
  return pods.value.filter(
    (p) => !p.hostNetwork && came.has(workloadOf(p)) && !left.has(`${podKey(p)} ${p.ip}`),
  );
}

/**
 * Without the differences between clusters that were read minutes apart, which may have come about in between: what the
 * later one holds or lacks may be new or gone since. What remains is an address that the earlier one lacked although its
 * endpoint existed then, and a kind of entries of which nothing at all arrived.
 */
export function withoutChanges(differences: readonly Difference[], clusters: readonly Read[]): Difference[] {
  const byName = new Map(clusters.map((c) => [c.name, c]));
  const readAt = (name: string): number | undefined => byName.get(name)?.collectedMs;
  const gapMs = (holder: string, of: string): number => (readAt(holder) ?? 0) - (readAt(of) ?? 0);
  const apart = (a: string, b: string): boolean =>
    readAt(a) !== undefined && readAt(b) !== undefined && Math.abs(gapMs(a, b)) > atOnceMs;
  const missing = new Map<string, number>();
  const keyOf = (d: Difference): string => JSON.stringify([d.place.text, d.of, d.object]);
  for (const d of differences)
    if (d.kind === "missing") missing.set(keyOf(d), (missing.get(keyOf(d)) ?? 0) + 1);
  return differences.filter((d) => {
    const holder = d.place.cluster;
    // An agent's backends are of several clusters.
    if (d.place.hop === "agent" && d.object === "backend")
      return clusters.every((c) => c.name === holder || !apart(holder, c.name));
    if (d.of === holder || !apart(holder, d.of)) return true;
    if (d.kind !== "missing") return false;
    if (d.object === "cluster") return true;
    if (d.object === "address" && gapMs(holder, d.of) < 0) return true;
    const all = sizeOf(byName.get(d.of)?.exported, d.object);
    return all > 0 && (missing.get(keyOf(d)) ?? 0) >= all;
  });
}

/** How many entries of a kind a cluster exports that must be everywhere. */
function sizeOf(exported: ExportedState | undefined, object: string): number {
  const entries: Readonly<Record<string, ExportedState[keyof ExportedState]>> = {
    node: exported?.nodes,
    address: exported?.addresses,
    identity: exported?.identities,
  };
  return [...(entries[object]?.values() ?? [])].filter((e) => e.optional !== true).length;
}

/** Without those of objects that came, changed or went while the mesh was read. */
export function withoutChanging(
  differences: readonly Difference[],
  changing: ReadonlySet<string>,
): Difference[] {
  if (changing.size === 0) return [...differences];
  const last = (text: string | undefined): string => text?.split(" ").at(-1) ?? "";
  const isOf = ({ name, of, origin, held }: Difference): boolean =>
    [name, name.replace(`${of}/`, ""), addressIn(name), last(origin), last(held)].some((n) =>
      changing.has(n),
    );
  const settled = differences.filter((d) => !isOf(d));
  const moved = settled.filter((d) => listsMoved(d, changing));
  // A slice of an address that moved has another number of endpoints, too.
  const slices = new Set(moved.filter((d) => d.object === "EndpointSlice").map(entryOf));
  return settled.filter(
    (d) => !moved.includes(d) && !(d.field === "serving endpoints" && slices.has(entryOf(d))),
  );
}

const entryOf = (d: Difference): string => JSON.stringify([d.place.text, d.name]);

/** `10.1.1.4` of `10.1.1.4:8080/TCP(http)` or of `10.1.1.4:8080 of 10.11.0.9:80/TCP`. */
const addressIn = (text: string): string => {
  const [word = ""] = text.split(" ");
  return word.slice(0, Math.max(0, word.lastIndexOf(":"))).replace(/^\[|\]$/g, "");
};

/** Whether two lists of addresses differ in those alone that came or went. */
function listsMoved({ field, expected, held }: Difference, changing: ReadonlySet<string>): boolean {
  if (field !== "backends" && field !== "addresses") return false;
  const rest = (list: string | undefined): string =>
    (list ?? "")
      .split(" ")
      .filter((word) => word !== "none" && !changing.has(word) && !changing.has(addressIn(word)))
      .join(" ");
  return rest(expected) === rest(held);
}
