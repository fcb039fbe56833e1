import type { SecretSpan } from "./span.ts";

const kind = "Kubernetes Secret";
const kindField =
  /(?<quote>\\{0,8}["'])?\bkind(?:\\{0,8}["'])?[ \t]{0,20}:\s{0,20}(?:\\{0,8}["'])?Secret(?:List)?(?:\\{0,8}["'])?(?=\s{0,200}[,}\n\r]|\s{0,200}$)/g;
const longestObject = 4 * 1024 ** 2;

/** All values of `data` and `stringData` of Secret objects, in JSON (escaped or not) and in YAML. */
export function secretObjectSpans(text: string): SecretSpan[] {
  const spans: SecretSpan[] = [];
  let past = 0;
  for (const m of text.matchAll(kindField)) {
    if (m.index < past) continue;
    const inJson = m.groups?.quote !== undefined || inFlow(text, m.index);
    const { start, end } = inJson ? bracesAround(text, m.index) : blockAround(text, m.index);
    const from = Math.max(start, past);
    const region = text.slice(from, end);
    const found = inJson ? jsonValues(region) : [...yamlValues(region), ...jsonValues(region)];
    spans.push(...found.map((s) => ({ start: from + s.start, end: from + s.end, kind })));
    // This object was already searched for another Secret.
    past = Math.max(past, end);
  }
  return spans;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Whether the line so far opened a brace: `{kind: Secret, ...}`. */
const inFlow = (text: string, at: number): boolean =>
  text.slice(text.lastIndexOf("\n", at) + 1, at).includes("{");

/** Braces inside strings of such objects are balanced, because the strings are JSON. */
function bracesAround(text: string, at: number): Range {
  let depth = 0;
  let start = at;
  const first = Math.max(0, at - longestObject);
  for (; start > first; start--) {
    const c = text[start];
    if (c === "}") depth += 1;
    else if (c === "{" && --depth < 0) break;
  }
  depth = 0;
  let end = start;
  const last = Math.min(text.length, at + longestObject);
  for (; end < last; end++) {
    const c = text[end];
    if (c === "{") depth += 1;
    else if (c === "}" && --depth === 0) break;
  }
  return { start, end: Math.min(end + 1, text.length) };
}

const jsonData = /(?:\\{0,8}["'])?\b(?:data|stringData)(?:\\{0,8}["'])?\s{0,20}:\s{0,20}\{([^{}]*)\}/dg;
const jsonValue = /:\s{0,20}(?:(?<q>\\{0,8}["'])(?<quoted>.*?)(?<!\\)\k<q>|(?<bare>[^\s"'\\,{}]+))/dg;

function jsonValues(region: string): Range[] {
  return [...region.matchAll(jsonData)].flatMap((block) => {
    const at = block.indices?.[1]?.[0] ?? 0;
    return [...(block[1] ?? "").matchAll(jsonValue)].flatMap((m) => {
      const own = m.indices?.groups?.quoted ?? m.indices?.groups?.bare;
      return own === undefined || own[0] === own[1] ? [] : [{ start: at + own[0], end: at + own[1] }];
    });
  });
}

/** The surrounding lines of the same mapping, by their indentation. */
function blockAround(text: string, at: number): Range {
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const column = at - lineStart;
  const isItem = /^\s*(?:- +)+$/.test(text.slice(lineStart, at));
  let start = lineStart;
  while (!isItem && start > 0) {
    const previous = text.lastIndexOf("\n", start - 2) + 1;
    const line = text.slice(previous, start - 1);
    const own = columnOf(line);
    if (/^---/.test(line) || (own < column && line.trim() !== "")) break;
    start = previous;
    if (own === column && /^\s*- /.test(line)) break;
  }
  let end = text.indexOf("\n", at);
  while (end >= 0 && end < text.length - 1) {
    const next = text.indexOf("\n", end + 1);
    const line = text.slice(end + 1, next < 0 ? undefined : next);
    if (/^(?:---|\.\.\.)/.test(line) || (line.trim() !== "" && indentOf(line) < column)) break;
    end = next;
  }
  return { start, end: end < 0 ? text.length : end };
}

const indentOf = (line: string): number => line.length - line.trimStart().length;
/** The column where the content begins, after the dashes of a list. */
const columnOf = (line: string): number => /^\s*(?:- +)*/.exec(line)?.[0].length ?? 0;

function yamlValues(region: string): Range[] {
  const found: Range[] = [];
  for (const block of region.matchAll(/^([ \t]*(?:- +)*)(?:data|stringData):[ \t]*\r?\n/gm)) {
    const parent = (block[1] ?? "").length;
    let at = block.index + block[0].length;
    while (at < region.length) {
      const end = region.indexOf("\n", at);
      const line = region.slice(at, end < 0 ? undefined : end);
      if (line.trim() !== "" && indentOf(line) <= parent) break;
      // The key stays; a line without a key continues a value.
      const name =
        /^\s*(?:[\w.-]+|"[^"]*"|'[^']*'):(?:\s+|$)/.exec(line)?.[0] ?? /^\s*/.exec(line)?.[0] ?? "";
      const value = line.slice(name.length).trimEnd();
      if (value !== "" && !/^[|>][+-]?\d?$/.test(value))
        found.push({ start: at + name.length, end: at + name.length + value.length });
      if (end < 0) break;
      at = end + 1;
    }
  }
  return found;
}
