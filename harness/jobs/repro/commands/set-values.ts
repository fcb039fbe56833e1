import { mergeValues } from "#harness/config/plan.ts";

type Values = Record<string, unknown>;

/** The keys of `a.b\.c.d[0]`: a dot after a backslash belongs to the key, and an index is a key of digits. */
export function setKeys(path: string): string[] {
  return path
    .replace(/\[(\d+)\]/g, ".$1")
    .split(/(?<!\\)\./)
    .map((key) => key.replaceAll("\\.", "."));
}

/** The value of one `--set` pair, as Helm types it: numbers, booleans and null, lists in braces, else text. */
export function setValue(text: string): unknown {
  if (/^\{.*\}$/s.test(text))
    return text
      .slice(1, -1)
      .split(/(?<!\\),/)
      .map((item) => setValue(item.trim()))
      .filter((item) => item !== "");
  const plain = text.replaceAll("\\,", ",");
  if (plain === "true" || plain === "false") return plain === "true";
  if (plain === "null") return null;
  return /^-?(0|[1-9]\d{0,14})$/.test(plain) ? Number(plain) : plain;
}

/** A value at its keys; items of a list stay a mapping with digits as keys, which readers of lists accept. */
export const nested = (keys: readonly string[], value: unknown): Values =>
  keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;

/** One argument of `--set`: pairs that commas outside braces divide. */
export function setArgument(argument: string, asText = false): Values {
  const pairs: string[] = [];
  let depth = 0;
  let pair = "";
  for (const [i, c] of [...argument].entries()) {
    if (c === "{") depth += 1;
    if (c === "}") depth -= 1;
    if (c === "," && depth === 0 && argument[i - 1] !== "\\") {
      pairs.push(pair);
      pair = "";
    } else pair += c;
  }
  return [...pairs, pair]
    .filter((p) => p.includes("="))
    .map((p) => {
      const [, path = "", value = ""] = /^([^=]*)=(.*)$/s.exec(p) ?? [];
      return nested(setKeys(path.trim()), asText ? value : setValue(value));
    })
    .reduce(mergeValues, {});
}

interface SetPair {
  readonly name?: unknown;
  readonly value?: unknown;
  /** Of helmfile: the items of a list. */
  readonly values?: unknown;
}

/**
 * `{ "a.b": c }`, or a list of `{ name: a.b, value: c }`, as objects write `--set` pairs. helmfile's `values: [c, d]`
 * stands for `--set a.b={c,d}`, where there is no `value` (`setFlags`, pkg/state/state.go of helmfile).
 */
export function setPairs(pairs: unknown): Values {
  const entries: [string, unknown][] = Array.isArray(pairs)
    ? pairs.flatMap((p: SetPair | null): [string, unknown][] => {
        if (typeof p?.name !== "string") return [];
        const { value, values } = p;
        if (Array.isArray(values) && (value === undefined || value === "")) return [[p.name, values]];
        return value === undefined ? [] : [[p.name, value]];
      })
    : Object.entries((pairs ?? {}) as Values);
  return entries.map(([path, value]) => nested(setKeys(path), typedPair(value))).reduce(mergeValues, {});
}

const typedPair = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(typedPair) : typeof value === "string" ? setValue(value) : value;
