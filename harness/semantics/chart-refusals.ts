import semver from "semver";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type Refusal, refusals, type Values } from "./chart-rules.ts";
import { isReplaced, wrongTypes } from "./chart-values.ts";
import { impossible } from "./impossible-values.ts";
import { newerWords } from "./newer-words.ts";

/** A longer text at such a place may be a key. */
const isShort = (text: string): boolean => text.length <= 40;

const typeOf = (value: unknown): string =>
  isMapping(value)
    ? "a mapping"
    : Array.isArray(value)
      ? "a list"
      : typeof value !== "string"
        ? String(value)
        : isShort(value)
          ? `the text ${JSON.stringify(value)}`
          : `a text of ${value.length} characters`;

const nameOf: Readonly<Record<string, string>> = {
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  string: "a text",
  array: "a list",
  object: "a mapping",
};

const namesOf = (wants: readonly string[]): string =>
  wants
    .filter((w) => w !== "null")
    .map((w) => nameOf[w] ?? w)
    .join(" or ");

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
};

/** The value in a type that the chart takes, as YAML; undefined if nobody but the operator can know it. */
function rewritten(value: unknown, wants: readonly string[]): string | undefined {
  if (typeof value === "string") {
    const truth = truths[value.toLowerCase()];
    if (wants.includes("boolean") && truth !== undefined) return `${truth} (no quotes)`;
    if (wants.some((w) => ["integer", "number"].includes(w)) && /^-?\d+$/.test(value))
      return `${value} (no quotes)`;
    if (wants.includes("array") && value.length <= 40) return JSON.stringify([value]);
    const word = wants.find((w) => w.toLowerCase() === JSON.stringify(value.toLowerCase()));
    if (word !== undefined) return word;
  }
  if (typeof value === "number" && wants.includes("string"))
    return `${JSON.stringify(String(value))} (with quotes)`;
  return undefined;
}

/** Who wrote `no` sees `false`, and nothing tells which word it was. */
export const wordsOf = (value: boolean): string =>
  `${value ? "y, yes, on and true" : "n, no, off and false"} without quotes are ${value} in Helm's YAML`;

/** A word of YAML for true or false where the chart takes a text. */
const isWord = (value: unknown, wants: readonly string[]): value is boolean =>
  typeof value === "boolean" && wants.includes("string");

function byType(values: Values, to: string): RefusedValue[] {
  return wrongTypes(values, to).map(({ path, value, wants }) => {
    const right = rewritten(value, wants);
    const isNeverSet = wants.every((w) => w === "null");
    const change = isNeverSet
      ? `leave out ${path}`
      : isWord(value, wants)
        ? `put ${path} in quotes`
        : right === undefined
          ? `make ${path} ${namesOf(wants)}`
          : `write ${path}: ${right}`;
    return {
      path,
      // Whether it is a text or a number is what is wrong.
      shown: typeOf(value),
      is: typeOf(value),
      who: `the chart of Cilium ${to} refuses`,
      wants: isNeverSet
        ? "it takes none there"
        : `it must be ${namesOf(wants)}${isWord(value, wants) ? ` (${wordsOf(value)})` : ""}`,
      remedy: `in the values for ${to}, ${change}`,
      isOfChart: true,
      source: "values.schema.json",
    };
  });
}

interface Refused {
  readonly rule: Refusal;
  readonly value: unknown;
}

/** The rules that a version has, and values break. */
const broken = (values: Values, version: string): Refused[] =>
  [...refusals, ...impossible, ...newerWords].flatMap((rule): Refused[] => {
    const value = valueAt(values, rule.path);
    if (value === undefined || value === null || isReplaced(value)) return [];
    return semver.satisfies(version, rule.charts) && rule.refuses(value, values) ? [{ rule, value }] : [];
  });

/** Who refuses a value, before its path or its place: `the chart of Cilium 1.20.2 refuses`. */
const whoRefuses = ({ by }: Refusal, version: string): string =>
  by === undefined
    ? `the chart of Cilium ${version} refuses`
    : by === "nothing"
      ? "nothing can work with"
      : by === "agents"
        ? `agents of Cilium ${version} do not start with`
        : `cilium-operator ${version} does not start with`;

/** A value with which the chart of a version stops, or programs of it. */
export interface RefusedValue {
  readonly path: string;
  /** As it may be printed: `300`, `vxlan`, `a list`. */
  readonly shown: string;
  /** The same in a sentence: `the text "vxlan"`. */
  readonly is: string;
  /** `the chart of Cilium 1.20.2 refuses` */
  readonly who: string;
  readonly wants: string;
  readonly remedy: string;
  /** The chart refuses it, and not a program: then nothing of the release is installed. */
  readonly isOfChart: boolean;
  readonly source: string;
}

/** Values, as they are written, with which the chart of a version stops, or its agents or its operator. */
export function valuesRefused(values: Values, version: string): RefusedValue[] {
  const wrong = byType(values, version);
  const known = new Set(wrong.map((w) => w.path));
  const byRule = broken(values, version).flatMap(({ rule, value }): RefusedValue[] => {
    // A number that is written as a text may be a wrong number, too.
    const isNumber = typeof value === "string" && /^\d+$/.test(value);
    if (known.has(rule.path) && !(isNumber && rule.refuses(Number(value), values))) return [];
    const { path, wants, remedy, source } = rule;
    return [
      {
        ...{ path, wants, remedy, source },
        shown: rule.shown?.(value) ?? (typeof value === "string" && isShort(value) ? value : typeOf(value)),
        is: rule.shown?.(value) ?? typeOf(value),
        who: whoRefuses(rule, version),
        isOfChart: rule.by === undefined,
      },
    ];
  });
  return [...wrong, ...byRule];
}

/** The same as findings of an upgrade. */
export const refusedValues = (values: Values, to: string): CertificateFinding[] =>
  valuesRefused(values, to).map(({ path, is, who, wants, remedy, source }) => ({
    id: "value-refused",
    grade: "serious",
    message: `${who} value ${path}, which is ${is}: ${wants} (${source})`,
    remedy,
  }));
