// Signs that a file ends before its end: a disk was full, or a command or a copy was stopped. What such a file lacks would
// look as if the cluster lacked it.

const noEnd = "it is cut off: its last line has no end";

/** Of a text whose program ends every line. */
export const cutOffText = (text: string): string | undefined =>
  text === "" || text.endsWith("\n") ? undefined : noEnd;

/**
 * Of a list of objects, by what is before and after its items. The Cilium CLI and kubectl sort the keys (`apiVersion`,
 * `items`, `kind`, `metadata`; sigs.k8s.io/yaml), so the kind is lost if the list does not end where it should.
 */
export const cutOffList = (head: string, tail: string): string | undefined =>
  /^apiVersion:/m.test(head) && !/^kind:/m.test(head) && !/^kind:/m.test(tail)
    ? "it is cut off: a list ends with its kind, and this one does not"
    : undefined;

const workloads: readonly unknown[] = ["Deployment", "DaemonSet"];

/** The status is the last key of a workload, and what is available is ready. */
function lacksStatus(status: unknown): boolean {
  if (typeof status !== "object" || status === null) return true;
  return "availableReplicas" in status && !("readyReplicas" in status);
}

/** Of a parsed object or list with the keys in the same order: every object has a kind, and a workload a status. */
export function cutOffValue(value: unknown, text: string): string | undefined {
  if (typeof value !== "object" || value === null) return cutOffText(text);
  const { kind, status } = value as { readonly kind?: unknown; readonly status?: unknown };
  if ("apiVersion" in value && kind === undefined) return "it is cut off: no kind follows";
  if (workloads.includes(kind) && "apiVersion" in value && lacksStatus(status))
    return "it is cut off: its status is not complete";
  return cutOffText(text);
}

/**
 * Of what bugtool wrote of one command: with `--enable-markdown` a block of code under a title, otherwise the output as
 * it is. Text in JSON needs no sign: it cannot be parsed.
 */
export function cutOffOutput(raw: string): string | undefined {
  if (/^\s*[[{]/.test(raw)) return undefined;
  if (/^# [^\n]*\n\n```\n/.test(raw) && !/\n```\s*$/.test(raw) && !raw.includes("> Error while running '"))
    return "it is cut off: the block of its output has no end";
  return cutOffText(raw);
}

/** Of what `troubleshoot` prints of clusters: it says first how many there are, in archives of Cilium 1.19.1. */
export function cutOffTroubleshoot(text: string): string | undefined {
  const all = Number(/^Found (\d+) cluster configurations?/m.exec(text)?.[1] ?? 0);
  return (text.match(/^Cluster "/gm) ?? []).length < all
    ? `it is cut off: it has not all of its ${all} clusters`
    : cutOffText(text);
}
