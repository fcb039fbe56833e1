import semver from "semver";
import { isMapping, valueAt } from "#harness/lib/value-at.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import { type Refusal, refusals, type Values } from "./chart-rules.ts";
import { isReplaced, wrongTypes } from "./chart-values.ts";

const typeOf = (value: unknown): string =>
  isMapping(value)
    ? "a mapping"
    : Array.isArray(value)
      ? "a list"
      : typeof value !== "string"
        ? String(value)
        : // A value at such a place may be a key.
          value.length > 40
          ? "a long text"
          : `the text ${JSON.stringify(value)}`;

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
  if (["number", "boolean"].includes(typeof value) && wants.includes("string"))
    return `${JSON.stringify(String(value))} (with quotes)`;
  return undefined;
}

function byType(values: Values, to: string): (CertificateFinding & { readonly path: string })[] {
  return wrongTypes(values, to).map(({ path, value, wants }) => {
    const right = rewritten(value, wants);
    const isNeverSet = wants.every((w) => w === "null");
    const change = isNeverSet
      ? `leave out ${path}`
      : right === undefined
        ? `make ${path} ${namesOf(wants)}`
        : `write ${path}: ${right}`;
    return {
      path,
      id: "value-refused",
      grade: "serious",
      message: `the chart of Cilium ${to} refuses value ${path}, which is ${typeOf(value)}: ${isNeverSet ? "it takes none there" : `it must be ${namesOf(wants)}`} (values.schema.json)`,
      remedy: `in the values for ${to}, ${change}`,
    };
  });
}

interface Refused {
  readonly rule: Refusal;
  readonly value: unknown;
}

/** The rules that a version has, and values break. */
const broken = (values: Values, version: string): Refused[] =>
  refusals.flatMap((rule): Refused[] => {
    const value = valueAt(values, rule.path);
    if (value === undefined || value === null || isReplaced(value)) return [];
    return semver.satisfies(version, rule.charts) && rule.refuses(value, values) ? [{ rule, value }] : [];
  });

/** Values that the chart of a version takes, and with which its agents do not start. */
export const agentRefusals = (
  values: Values,
  version: string,
): { readonly path: string; readonly value: unknown; readonly wants: string }[] =>
  broken(values, version).flatMap(({ rule: { path, wants, byAgents }, value }) =>
    byAgents === true ? [{ path, value, wants }] : [],
  );

/** Values, as they are written, with which the chart of a version stops, or its agents. */
export function refusedValues(values: Values, to: string): CertificateFinding[] {
  const wrong = byType(values, to);
  const known = new Set(wrong.map((w) => w.path));
  const byRule = broken(values, to).flatMap(({ rule, value }): CertificateFinding[] => {
    // A number that is written as a text may be a wrong number, too.
    const isNumber = typeof value === "string" && /^\d+$/.test(value);
    if (known.has(rule.path) && !(isNumber && rule.refuses(Number(value), values))) return [];
    const who =
      rule.byAgents === true
        ? `agents of Cilium ${to} do not start with`
        : `the chart of Cilium ${to} refuses`;
    return [
      {
        id: "value-refused",
        grade: "serious",
        message: `${who} value ${rule.path}, which is ${typeOf(value)}: ${rule.wants} (${rule.source})`,
        remedy: rule.remedy,
      },
    ];
  });
  return [...wrong.map(({ path: _, ...finding }) => finding), ...byRule];
}
