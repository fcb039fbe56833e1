import { MeshproofError } from "#harness/lib/errors.ts";
import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";

type Values = Record<string, unknown>;

/** The largest index that Helm takes: it fills a list up to it (`MaxIndex`, pkg/strvals of Helm). */
const mostIndex = 65_536;

/** Why Helm refuses the path of a `--set` pair, or undefined. */
export function refusedPath(path: string): string | undefined {
  const [index] = [...path.matchAll(/\[(\d+)\]/g)].filter(([, digits]) => Number(digits) > mostIndex);
  return index === undefined
    ? undefined
    : `the index of ${path.slice(0, 120)} is larger than ${mostIndex}, so Helm refuses it`;
}

/**
 * The keys of `a.b\.c.d[0]`: what follows a backslash belongs to the key, and an index is the key `[0]` of `withLists`.
 * Throws `config-invalid` for a path that Helm refuses.
 */
export function setKeys(path: string): string[] {
  const why = refusedPath(path);
  if (why !== undefined)
    throw new MeshproofError("config-invalid", why, {
      remedy: "give what `helm get values` prints: nothing was installed with it",
    });
  return [...path.matchAll(/\[(\d+)\]|(?:\\.|[^.[\\]|\[(?!\d+\]))+/gs)].map(([whole, index]) =>
    index === undefined ? whole.replaceAll(/\\(.)/gs, "$1") : `[${Number(index)}]`,
  );
}

const indexIn = (key: string): number => Number(/^\[(\d{1,5})\]$/.exec(key)?.[1] ?? Number.NaN);

/** Items of a list by their index, as `setKeys` writes it. */
const isItems = (value: unknown): value is Values => {
  const keys = isMapping(value) ? Object.keys(value) : [];
  return keys.length > 0 && keys.every((key) => indexIn(key) <= mostIndex);
};

/** Like `mergeValues`, but an index changes its item of a list, as where `--set` follows a values file. */
export function mergeSet(base: Values, over: Values): Values {
  const merged = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = laidOver(merged[key], value);
  return merged;
}

function laidOver(standing: unknown, value: unknown): unknown {
  if (isItems(value) && Array.isArray(standing))
    return mergeSet(Object.fromEntries(standing.map((item, i) => [`[${i}]`, item])), value);
  return isMapping(standing) && isMapping(value) ? mergeSet(standing, value) : value;
}

/** More than all lists of the chart have; each index may be 65536. */
const mostItems = 200_000;

/**
 * Values whose indices have become lists. Helm fills a list with nulls up to the index. Throws `config-invalid` for
 * indices that would make a small text a huge value.
 */
export function withLists(values: Values): Values {
  let left = mostItems;
  const listed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(listed);
    if (!isMapping(value)) return value;
    if (!isItems(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, listed(v)]));
    const length = Math.max(...Object.keys(value).map(indexIn)) + 1;
    left -= length;
    if (left < 0)
      throw new MeshproofError("config-invalid", `--set fills lists with more than ${mostItems} items`, {
        remedy: "give what `helm get values` prints",
      });
    return Array.from({ length }, (_, i) => listed(value[`[${i}]`] ?? null));
  };
  return listed(values) as Values;
}

/**
 * The value of one `--set` pair, as Helm types it: numbers, booleans and null, lists in braces, else text. An expression of
 * a template, which another tool fills in before, is a text.
 */
export function setValue(text: string): unknown {
  if (/^\{(?!\{).*\}$/s.test(text))
    return text
      .slice(1, -1)
      .split(/(?<!\\),/)
      .map((item) => setValue(item.trim()))
      .filter((item) => item !== "");
  const plain = text.replaceAll("\\,", ",");
  // In any case, as Helm (`typedVal`, pkg/strvals).
  if (/^(true|false)$/i.test(plain)) return plain.toLowerCase() === "true";
  if (/^null$/i.test(plain)) return null;
  return /^-?(0|[1-9]\d{0,14})$/.test(plain) ? Number(plain) : plain;
}

/** A value at its keys. */
export const nested = (keys: readonly string[], value: unknown): Values =>
  keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Values;

/** One argument of `--set`: pairs that commas outside braces divide. Its indices become lists by `withLists`. */
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
    .reduce(mergeSet, {});
}

interface SetPair {
  readonly name?: unknown;
  readonly value?: unknown;
  /** Of helmfile: the items of a list. */
  readonly values?: unknown;
}

/**
 * `{ "a.b": c }`, or a list of `{ name: a.b, value: c }`, as objects write `--set` pairs. helmfile's `values: [c, d]`
 * stands for `--set a.b={c,d}`, where there is no `value` (`setFlags`, pkg/state/state.go of helmfile). `asText`: as
 * `--set-string`. Indices become lists by `withLists`.
 */
export function setPairs(pairs: unknown, asText = false): Values {
  const entries: [string, unknown][] = Array.isArray(pairs)
    ? pairs.flatMap((p: SetPair | null): [string, unknown][] => {
        if (typeof p?.name !== "string") return [];
        const { value, values } = p;
        if (Array.isArray(values) && (value === undefined || value === "")) return [[p.name, values]];
        return value === undefined ? [] : [[p.name, value]];
      })
    : Object.entries((pairs ?? {}) as Values);
  const typed = asText ? textPair : typedPair;
  return entries.map(([path, value]) => nested(setKeys(path), typed(value))).reduce(mergeSet, {});
}

/** helmfile's `env`: pairs whose value is the name of a variable of the environment, so that nobody knows it. */
export const variablePairs = (pairs: unknown): Values =>
  setPairs(
    mappingsIn(pairs).map(({ name, value }) => ({ name, value: `\${${String(value)}}` })),
    true,
  );

const typedPair = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(typedPair) : typeof value === "string" ? setValue(value) : value;
const textPair = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(textPair) : isMapping(value) || value === null ? value : String(value);
