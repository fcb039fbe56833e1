import { MeshproofError } from "#harness/lib/errors.ts";
import { type HereDocument, hereDocumentOf } from "./here-documents.ts";
import { arrayAt, arrayInLines, type ShellArray, wholeArray } from "./shell-arrays.ts";

/** Variables of a script that have one known value at the place that is read; of an array, its words. */
export type ShellVariables = Map<string, string | readonly string[]>;

/** One command of a script. */
export interface ShellCommand {
  readonly text: string;
  /** Of the file, from 1. */
  readonly line: number;
  /** The head of the loop, function or branch that it is in: what it does is not known from its text alone. */
  readonly loop: string | undefined;
  readonly nested: boolean;
  /** Of the assignment of an array: its words are no command until a command names the array. */
  readonly isArray: boolean;
  readonly here: HereDocument | undefined;
}

const loopHead = /^(?:(?:do|then|else|time|!|\{|\()\s+)*((?:for|while|until|select)\s.*)$/s;
const branchHead = /^(?:(?:do|then|else|time|!|\{|\()\s+)*(?:if|case)\s/;
const functionHead = /^(?:function\s+[\w:-]+|[\w:-]+\s*\(\s*\))\s*(?:\(\s*\))?\s*\{/;

/** The commands of a script in order, with the blocks that they are in. Nothing is executed. */
export function shellCommands(text: string): ShellCommand[] {
  const blocks: { readonly end: string; readonly head?: string }[] = [];
  return logicalLines(text).flatMap(({ text: whole, line, isArray, here: document }) =>
    (isArray === true ? [whole] : partsOf(whole)).map((part): ShellCommand => {
      const within = blocks.findLast((b) => b.head !== undefined)?.head;
      if (arrayAt(part) !== undefined)
        return {
          ...{ text: part, line, loop: within, nested: blocks.length > 0, isArray: true },
          here: undefined,
        };
      const first = /^[\w}]+/.exec(part)?.[0];
      if (first !== undefined && blocks.at(-1)?.end === first) blocks.pop();
      const loop = (loopHead.exec(part) ?? loopHead.exec(afterPipe(part)))?.[1];
      if (loop !== undefined) blocks.push({ end: "done", head: loop });
      else if (branchHead.test(part)) blocks.push({ end: /\bcase\s/.test(part) ? "esac" : "fi" });
      else if (functionHead.test(part) && !/\}\s*$/.test(part)) blocks.push({ end: "}" });
      const head =
        blocks.findLast((b) => b.head !== undefined)?.head ?? /\b(?:xargs|parallel)\b.*/.exec(part)?.[0];
      const here = part.includes("<<") ? document : undefined;
      return { text: part, line, loop: head, nested: blocks.length > 0, isArray: false, here };
    }),
  );
}

const afterPipe = (part: string): string => part.replace(/^.*(?<!\|)\|(?!\|)\s*/s, "");

interface LogicalLine {
  readonly text: string;
  readonly line: number;
  readonly isArray?: true;
  readonly here?: HereDocument;
}

/** Lines without comments, those with a backslash at their end joined, those of one array, and here-documents. */
function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let open: LogicalLine | undefined;
  const all = text.split(/\r?\n/);
  for (let i = 0; i < all.length; i++) {
    const line = all[i] ?? "";
    if (open === undefined && /^\s*#/.test(line)) continue;
    const array = open === undefined ? arrayInLines(all, i) : undefined;
    if (array !== undefined) {
      lines.push({ text: array.text, line: i + 1, isArray: true });
      if (array.rest !== "") lines.push({ text: array.rest, line: array.last + 1 });
      i = array.last;
      continue;
    }
    const ends = !line.endsWith("\\");
    const own = ends ? line : `${line.slice(0, -1)} `;
    open = open === undefined ? { text: own, line: i + 1 } : { ...open, text: open.text + own };
    if (!ends) continue;
    const here = hereDocumentOf(open.text, all, i + 1);
    lines.push(here === undefined ? open : { ...open, here: here.document });
    i = here?.last ?? i;
    open = undefined;
  }
  return open === undefined ? lines : [...lines, open];
}

const partsOf = (line: string): string[] =>
  line
    .split(/&&|;+(?=\s|$)|\|\|/)
    .map((part) => part.trim())
    .filter((part) => part !== "");

const keyword = /^(?:(?:do|then|else|\{)\s+)*(?:(?:export|readonly|local|declare|typeset)\s+(?:-\w+\s+)*)?/;
const isAssignment = (word: string): boolean => /^[A-Za-z_]\w*\+?=/.test(word);

/** Takes the variables that a command sets, if it is no more than assignments. */
export function takeAssignments({ text }: ShellCommand, known: ShellVariables, place: string): void {
  const array = arrayAt(text);
  if (array !== undefined) {
    takeArray(array, known, place);
    return;
  }
  const plain = text.replace(keyword, "");
  const item = /^([A-Za-z_]\w*)\[[^\]]*\]\+?=/.exec(plain)?.[1];
  if (item !== undefined) known.delete(item);
  if (!isAssignment(plain)) return;
  const words = wordsOf(plain, place, known);
  // `A=1 command` sets it for that command's environment alone, after its words are expanded.
  if (!words.every(isAssignment)) return;
  for (const word of words) {
    const [, name = "", more = "", value = ""] = /^(\w+)(\+?)=(.*)$/s.exec(word) ?? [];
    const standing = more === "" ? "" : known.get(name);
    if (/[$`]/.test(value) || value.startsWith("(") || typeof standing !== "string") known.delete(name);
    else known.set(name, standing + value);
  }
}

function takeArray({ name, isMore, inside }: ShellArray, known: ShellVariables, place: string): void {
  const standing = isMore ? known.get(name) : [];
  const words = wordsOf(inside, place, known);
  // Of an array with names in place of numbers, the words are no arguments.
  if (standing === undefined || typeof standing === "string" || words.some((w) => /^\[[^\]]*\]=/.test(w)))
    known.delete(name);
  else known.set(name, [...standing, ...words]);
}

/** Variables that a loop, a branch, a function or `read` sets: their value at another place is not known. */
export function unsureVariables(commands: readonly ShellCommand[]): ReadonlySet<string> {
  return new Set(
    commands.flatMap(({ text, nested, isArray }): string[] => {
      if (isArray) return nested ? [arrayAt(text)?.name ?? ""] : [];
      const own = /\b(?:for|select)\s+([A-Za-z_]\w*)/.exec(text)?.[1];
      const read = /\bread\s+([^<|;]*)/.exec(text)?.[1]?.split(/\s+/) ?? [];
      const plain = text.replace(keyword, "");
      const set =
        nested && isAssignment(plain)
          ? [...plain.matchAll(/([A-Za-z_]\w*)\+?=/g)].map((m) => m[1] ?? "")
          : [];
      return [...(own === undefined ? [] : [own]), ...read, ...set];
    }),
  );
}

/** The words of a command, with the shell's quotes removed and its known variables expanded. */
export function wordsOf(line: string, place: string, known: ShellVariables = new Map()): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i);
    if (c === "$" && quote !== "'") {
      const [value, length] = expansion(line.slice(i), known);
      i += length - 1;
      if (typeof value !== "string") {
        const [first = "", ...rest] = value;
        const all = [(word ?? "") + first, ...rest];
        word = value.length === 0 ? word : all.pop();
        if (value.length > 0) words.push(...all);
      } else if (quote === "" && /\s/.test(value) && length > 0 && !value.startsWith("$")) {
        // Without quotes, the words of a variable become words of the command.
        const [head = "", ...rest] = value.split(/\s+/);
        const all = [(word ?? "") + head, ...rest];
        word = all.pop();
        words.push(...all.filter((w) => w !== ""));
        if (word === "") word = undefined;
      } else word = (word ?? "") + value;
    } else if (quote !== "") {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && /["\\$`]/.test(line.charAt(i + 1)))
        word = (word ?? "") + line.charAt(++i);
      else word = (word ?? "") + c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= "";
    } else if (c === "\\" && i + 1 < line.length) {
      // Helm's own escapes of `,` and `.` reach it unquoted only when doubled; people mean them.
      const next = line.charAt(++i);
      word = (word ?? "") + (next === "," || next === "." ? `\\${next}` : next);
    } else if (c === "#" && word === undefined) {
      // The words of an array may take several lines.
      const end = line.indexOf("\n", i);
      if (end === -1) break;
      i = end;
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (quote !== "")
    throw new MeshproofError(
      "config-invalid",
      `${place}: a quote is not closed: ${line.trim().slice(0, 80)}`,
      { remedy: "correct the command" },
    );
  return word === undefined ? words : [...words, word];
}

/** A text in which the shell replaces variables and removes no quotes; what is not known stays as it is. */
export function expandedText(text: string, known: ShellVariables): string {
  let done = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    const next = text.charAt(i + 1);
    if (c === "\\" && ["$", "`", "\\", "\n"].includes(next)) {
      done += next === "\n" ? "" : next;
      i += 1;
    } else if (c === "$") {
      const [value, length] = expansion(text.slice(i, i + mostExpansion), known);
      done += typeof value === "string" ? value : value.join(" ");
      i += length - 1;
    } else done += c;
  }
  return done;
}

/** Characters that one variable or command may take: without a limit, each `$` is read with all that follows. */
const mostExpansion = 2000;

/** What stands at a `$`, and how much of the text it takes; what is not known stays as it is. */
function expansion(text: string, known: ShellVariables): [value: string | readonly string[], length: number] {
  const [array, ofArray = ""] = wholeArray.exec(text) ?? [];
  if (array !== undefined) return [known.get(ofArray) ?? array, array.length];
  const [whole, plain, braced] = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/.exec(text) ?? [];
  const name = plain ?? braced;
  if (whole !== undefined && name !== undefined) {
    const value = known.get(name) ?? whole;
    // Without an index, it is the first word.
    return [typeof value === "string" ? value : (value[0] ?? ""), whole.length];
  }
  const open = text.charAt(1);
  const close = { "(": ")", "{": "}" }[open];
  if (close === undefined) return ["$", 1];
  let depth = 0;
  for (let i = 1; i < text.length; i++) {
    if (text.charAt(i) === open) depth += 1;
    if (text.charAt(i) === close) depth -= 1;
    if (depth === 0) return [text.slice(0, i + 1), i + 1];
  }
  return ["$", 1];
}
