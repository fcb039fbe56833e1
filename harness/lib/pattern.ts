/**
 * Whether a pattern, `*` for any text, matches a whole name. `{1}` and `{2}` stand for the clusters' names.
 * Our own: to a library of glob patterns `/`, `?`, `(`, `[` and `!`, which titles hold, are more than letters.
 */
export function matches(pattern: string, name: string, clusters: readonly string[] = []): boolean {
  const named = pattern.replace(/\{(\d)\}/g, (_, n: string) => clusters[Number(n) - 1] ?? "");
  return new RegExp(`^${named.split("*").map(RegExp.escape).join(".*")}$`, "s").test(name);
}
