/**
 * Whether a pattern, `*` for any text, matches a whole name. `{1}` and `{2}` stand for the clusters' names.
 * Our own: to a library of glob patterns `/`, `?`, `(`, `[` and `!`, which titles hold, are more than letters.
 */
export function matches(pattern: string, name: string, clusters: readonly string[] = []): boolean {
  return new RegExp(`^${forClusters(pattern, clusters).split("*").map(RegExp.escape).join(".*")}$`, "s").test(
    name,
  );
}

/** A pattern with the clusters' names in place of `{1}` and `{2}`; a number that no cluster has stays as it is. */
export const forClusters = (pattern: string, clusters: readonly string[]): string =>
  pattern.replace(/\{(\d)\}/g, (whole, n: string) => clusters[Number(n) - 1] ?? whole);
