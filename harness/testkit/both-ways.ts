import type { ClusterPair } from "./define-suite.ts";

/**
 * What several tests find out, at once: the first of them does the work of its whole group, and the others take their part.
 * Only for what does not disturb the others. A repeated test works again.
 */
export function atOnce<K, Of extends { readonly name: string }, T>(
  groupOf: (one: Of) => readonly Of[],
  find: (kit: K, one: Of) => Promise<T>,
): (kit: K, one: Of) => Promise<T> {
  const settled = new Map<string, PromiseSettledResult<T>>();
  return async (kit, one) => {
    if (!settled.has(one.name)) {
      const group = groupOf(one);
      const results = await Promise.allSettled(group.map((of) => find(kit, of)));
      for (const [i, result] of results.entries()) settled.set(group[i]?.name ?? "", result);
    }
    const own = settled.get(one.name);
    settled.delete(one.name);
    if (own?.status !== "fulfilled") throw own?.reason;
    return own.value;
  };
}

/** The same for a pair of clusters and the opposite one. */
export const bothWays = <K, T>(
  pairs: readonly ClusterPair[],
  find: (kit: K, pair: ClusterPair) => Promise<T>,
): ((kit: K, pair: ClusterPair) => Promise<T>) =>
  atOnce(
    ({ from, to }: ClusterPair) =>
      pairs.filter((p) => [from.name, to.name].sort().join() === [p.from.name, p.to.name].sort().join()),
    find,
  );
