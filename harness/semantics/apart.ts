import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
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

/**
 * Addresses of endpoints that were created while the clusters were read, or later than another cluster was: that one may
 * not have known them. Live evidence says itself which those are.
 */
export function youngAddresses(
  { ciliumEndpoints, changing }: ClusterSnapshot,
  firstMs: number | undefined,
): string[] {
  if (changing?.ok === true || firstMs === undefined || !ciliumEndpoints.ok) return [];
  return ciliumEndpoints.value
    .filter(({ createdMs = 0 }) => createdMs >= firstMs - spreadMs)
    .flatMap((e) => [e.ip, ...(e.ipv6 === undefined ? [] : [e.ipv6])]);
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
  return differences.filter(
    ({ name, of, origin, held }) =>
      ![name, name.replace(`${of}/`, ""), last(origin), last(held)].some((n) => changing.has(n)),
  );
}
