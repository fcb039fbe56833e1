/**
 * Whether a pattern, with `*` for any text, matches a whole name. `{1}` and `{2}` stand for the clusters' names.
 * Not a glob library: to one, the characters `/`, `?`, `(`, `[` and `!`, which titles contain, have a special meaning.
 */
export function matches(pattern: string, name: string, clusters: readonly string[] = []): boolean {
  return new RegExp(`^${forClusters(pattern, clusters).split("*").map(RegExp.escape).join(".*")}$`, "s").test(
    name,
  );
}

/** A pattern with the clusters' names in place of `{1}` and `{2}`; a number without a cluster is left unchanged. */
export const forClusters = (pattern: string, clusters: readonly string[]): string =>
  pattern.replace(/\{(\d)\}/g, (whole, n: string) => clusters[Number(n) - 1] ?? whole);
