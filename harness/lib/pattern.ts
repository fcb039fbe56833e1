/**
 * Whether a pattern, with `*` for any text, matches a whole name. `{1}` and `{2}` stand for the clusters' names, `{pair}`
 * for every ordered pair of them, `east -> west`, with `{from}` and `{to}` for its two ends.
 * Not a glob library: to one, the characters `/`, `?`, `(`, `[` and `!`, which titles contain, have a special meaning.
 */
export function matches(pattern: string, name: string, clusters: readonly string[] = []): boolean {
  return forPairs(pattern, clusters).some((p) =>
    new RegExp(`^${forClusters(p, clusters).split("*").map(RegExp.escape).join(".*")}$`, "s").test(name),
  );
}

/** The pattern once for every ordered pair of clusters, if it names the pair. */
function forPairs(pattern: string, clusters: readonly string[]): readonly string[] {
  if (!pattern.includes("{pair}")) return [pattern];
  return clusters.flatMap((from) =>
    clusters
      .filter((to) => to !== from)
      .map((to) =>
        pattern.replaceAll("{pair}", `${from} -> ${to}`).replaceAll("{from}", from).replaceAll("{to}", to),
      ),
  );
}

/** A pattern with the clusters' names in place of `{1}` and `{2}`; a number without a cluster is left unchanged. */
export const forClusters = (pattern: string, clusters: readonly string[]): string =>
  pattern.replace(/\{(\d)\}/g, (whole, n: string) => clusters[Number(n) - 1] ?? whole);
