import type { ClusterPair } from "./define-suite.ts";

/**
 * What a test finds out about a pair of clusters, for that pair and the opposite one at once: the first of the two tests
 * does the work of both, and the second takes its part. Only for what the two ways do not disturb. A repeated test works
 * again.
 */
export function bothWays<K, T>(
  pairs: readonly ClusterPair[],
  find: (kit: K, pair: ClusterPair) => Promise<T>,
): (kit: K, pair: ClusterPair) => Promise<T> {
  const settled = new Map<string, PromiseSettledResult<T>>();
  return async (kit, pair) => {
    if (!settled.has(pair.name)) {
      const both = pairs.filter(
        (p) => p === pair || (p.from.name === pair.to.name && p.to.name === pair.from.name),
      );
      const results = await Promise.allSettled(both.map((p) => find(kit, p)));
      for (const [i, result] of results.entries()) settled.set(both[i]?.name ?? "", result);
    }
    const own = settled.get(pair.name);
    settled.delete(pair.name);
    if (own?.status !== "fulfilled") throw own?.reason;
    return own.value;
  };
}
