/** Whether a pattern, `*` for any text, matches a whole name. `{1}` and `{2}` stand for the clusters' names. */
export function matches(pattern: string, name: string, clusters: readonly string[] = []): boolean {
  const named = pattern.replace(/\{(\d)\}/g, (_, n: string) => clusters[Number(n) - 1] ?? "");
  const source = named
    .split("*")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${source}$`, "s").test(name);
}
