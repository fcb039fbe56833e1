/** A comment, or an expression, in which `}}` may stand within quotes. `${{ x }}` is of a workflow of GitHub. */
const action =
  /(?<!\$)\{\{(?:-\s*|\s*)\/\*[\s\S]{0,4000}?\*\/\s*-?\}\}|(?<!\$)\{\{(?:"(?:[^"\\\n]|\\.){0,4000}"|`[^`]{0,4000}`|[^"`}]|\}(?!\})){0,4000}\}\}/;

/** Every action of a Go template in a text. */
export const actionsIn = (text: string): RegExpExecArray[] => [...text.matchAll(new RegExp(action, "g"))];

export const expressionIn = (text: string): boolean => text.includes("{{") && action.test(text);

/** Indentation, dashes, key, anchor and tag; and the value. */
const line = /^(\s*(?:-\s+)*)((?:"[^"]*"|'[^']*'|[\w./-]+)\s*:(?:\s+|$))?((?:[&!]\S+\s+)*)(.*)$/;

/**
 * A text of YAML in which each value that holds an expression of a Go template is in quotes, as YAML takes `{{` for a
 * mapping. Texts of several lines, that a `|`, a `>` or a quote begins, are left as they are.
 */
export function withQuotes(text: string): string {
  let block: number | undefined;
  let open: string | undefined;
  const lines = text.split("\n").map((whole) => {
    const column = whole.search(/\S/);
    if (open !== undefined) {
      if (quotesIn(whole, open) % 2 === 1) open = undefined;
      return whole;
    }
    if (column === -1 || (block !== undefined && column > block)) return whole;
    block = undefined;
    const [, indent = "", key = "", marks = "", value = ""] = line.exec(whole) ?? [];
    if (/^[|>][-+\d]*\s*(#.*)?$/.test(value)) block = key === "" ? column : indent.length;
    const [quote] = /^["']/.exec(value) ?? [];
    if (quote !== undefined && quotesIn(value, quote) % 2 === 1) open = quote;
    return open === undefined && value.includes("{{") ? `${indent}${key}${marks}${quoted(value)}` : whole;
  });
  return lines.join("\n");
}

const quotesIn = (text: string, quote: string): number => text.replace(/\\./g, "").split(quote).length - 1;

/** A text that YAML reads as it is. */
const isWhole = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*,?\s*(?:#.*)?$/;

const inQuotes = new RegExp(`(["'])((?:${action.source}|(?!\\1)[^{]|\\{(?!\\{))*)\\1|${action.source}`, "g");

/** The value of one line: a text within quotes or without, or a list or mapping in one line. */
function quoted(value: string): string {
  const first = value.indexOf("{{");
  if (value.startsWith("#") || /\s#/.test(value.slice(0, first)) || isWhole.test(value)) return value;
  if (/^["'[]|^\{(?!\{)/.test(value))
    return value.replace(inQuotes, (whole: string, _quote: string | undefined, inside: string | undefined) =>
      inside?.includes("{{") === false ? whole : JSON.stringify(inside ?? whole),
    );
  const last = value.lastIndexOf("}}") + 2;
  const comment = value.slice(last).search(/\s#/);
  const plain = comment === -1 ? value : value.slice(0, last + comment);
  return expressionIn(plain) ? JSON.stringify(plain.trimEnd()) : value;
}
