import { isMapping } from "#harness/lib/value-at.ts";

type Values = Record<string, unknown>;

/**
 * A value with the expressions in its texts replaced, in keys too. `fill` returns a text as it is where it does not know
 * an expression, so that readers of values name it as a placeholder.
 */
export function filled(value: unknown, fill: (text: string) => string): unknown {
  if (Array.isArray(value)) return value.map((v) => filled(v, fill));
  if (isMapping(value))
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [fill(key), filled(v, fill)]));
  return typeof value === "string" ? fill(value) : value;
}

/** A text of a Go template, whose `{{-` and `-}}` take the blanks around them away. */
export function goText(text: string, context: Values): string {
  let done = "";
  let rest = text;
  for (let match = goBraces.exec(rest); match !== null; match = goBraces.exec(rest)) {
    const [whole, left = "", expression = "", right = ""] = match;
    const value = goExpression(expression, context);
    const before = rest.slice(0, match.index);
    const after = rest.slice(match.index + whole.length);
    const isKnown = value !== undefined;
    done += `${isKnown && left !== "" ? before.trimEnd() : before}${value ?? whole}`;
    rest = isKnown && right !== "" ? after.trimStart() : after;
  }
  return done + rest;
}
const goBraces = /\{\{(-\s)?([^{}]*?)(\s-)?\}\}/;

/** Functions of Go templates that change nothing but the form of one value. */
const functions: ReadonlyMap<string, (text: string) => string> = new Map([
  ["quote", (text) => JSON.stringify(text)],
  ["squote", (text) => `'${text}'`],
  ["trim", (text) => text.trim()],
  ["lower", (text) => text.toLowerCase()],
  ["upper", (text) => text.toUpperCase()],
  ...["toString", "int", "int64", "atoi"].map((name) => [name, (text: string) => text] as const),
]);

/**
 * An expression of a Go template that is a field, such as `.cluster.name`, `index .labels "a/b"` or `.id | quote`;
 * undefined for all others, and for a field that is not there.
 */
export function goExpression(expression: string, context: Values): string | undefined {
  const [field = "", ...pipes] = expression.split("|").map((part) => part.trim());
  const [, base = "", key] = /^index\s+(\.[\w.]*)\s+"([^"]*)"$/.exec(field) ?? [];
  const path = key === undefined ? field : base;
  if (!/^\.[\w.]*$/.test(path)) return undefined;
  const keys = [...path.split(".").filter((k) => k !== ""), ...(key === undefined ? [] : [key])];
  const value = keys.reduce<unknown>((v, k) => (isMapping(v) ? v[k] : undefined), context);
  if (value === undefined || value === null || typeof value === "object") return undefined;
  let text = String(value);
  for (const pipe of pipes) {
    const apply = functions.get(pipe);
    if (apply === undefined) return undefined;
    text = apply(text);
  }
  return text;
}
