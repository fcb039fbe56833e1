import { isMapping } from "#harness/lib/value-at.ts";
import type { SourceObject } from "#harness/model/source-environment.ts";
import { isReplaced } from "#harness/semantics/chart-values.ts";

export { valueAt as at } from "#harness/lib/value-at.ts";

/** Parts of the values whose entries are texts to the chart, whatever they look like. */
const texts = /^(.*[aA]nnotations|.*[lL]abels|nodeSelector|extraConfig|extraArgs|extraEnv|tag|version|name)$/;

/** Values as the chart reads them: `"1"` and `"true"`, which templates and `--set-string` write, as number and boolean. */
export function typed(value: unknown, key = ""): unknown {
  if (texts.test(key)) return value;
  if (Array.isArray(value)) return value.map((v) => typed(v));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, typed(v, k)]));
  if (typeof value !== "string") return value;
  if (/^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  return /^(0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value;
}

/** Text that a template, a shell, Terraform, Fleet or vals (of helmfile) would replace. */
export const isPlaceholder = (value: unknown): boolean =>
  isReplaced(value) ||
  (typeof value === "string" && /`|^global\.fleet\.|^ENC\[|\b(secret)?ref\+[a-z0-9]+:\/\//.test(value));

/** Of a code point that no file has. */
const mark = "\u{10FFFD}";

/** `${a}` that stands for itself, such as what Flux makes of `$${a}`: no placeholder, until `withoutMarks`. */
export const literalVariable = (text: string): string => text.replace("$", `$${mark}`);

/** A value with the variables that stand for themselves as they are. */
export function withoutMarks<T>(value: T): T {
  const unmarked = (v: unknown): unknown => {
    if (typeof v === "string") return v.includes(mark) ? v.replaceAll(mark, "") : v;
    if (Array.isArray(v)) return v.map(unmarked);
    if (!isMapping(v)) return v;
    return Object.fromEntries(Object.entries(v).map(([key, inner]) => [key, unmarked(inner)]));
  };
  return unmarked(value) as T;
}

/** The cluster that values name; undefined if it is a placeholder. */
export function clusterIn(values: Readonly<Record<string, unknown>>): string | undefined {
  const name = isMapping(values.cluster) ? values.cluster.name : undefined;
  if (isPlaceholder(name) || (typeof name !== "string" && typeof name !== "number")) return undefined;
  return String(name) === "" ? undefined : String(name);
}

/** The items of a text that spaces, commas or braces divide. */
export const listed = (text: string | undefined): string[] =>
  (text ?? "").split(/[\s,{}]+/).filter((item) => item !== "");

/** A flag of one of kubeadm's static pods. */
export function flagOf(pods: readonly SourceObject[], component: string, flag: string): string | undefined {
  const argv = pods
    .filter((p) => p.metadata.labels?.component === component)
    .flatMap((p) => (p.spec?.containers ?? []) as { command?: string[]; args?: string[] }[])
    .flatMap((c) => [...(c.command ?? []), ...(c.args ?? [])]);
  return argv.find((a) => a.startsWith(`${flag}=`))?.slice(flag.length + 1);
}
