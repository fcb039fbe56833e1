import { MeshproofError } from "#harness/lib/errors.ts";
import { actionsIn } from "./yaml-expressions.ts";

/** More ways than people write; each is parsed. */
const mostWays = 200;
/** Characters of all ways together. */
const mostText = 16 * 1024 ** 2;

interface Block {
  readonly branches: Node[][];
  /** Whether one of the branches is always taken. */
  isTotal: boolean;
}
/** Text as it is, an expression that is the whole value of the key in the line above, or a condition or a loop. */
type Node = string | { readonly whole: string } | Block;

const isBlock = (node: Node): node is Block => typeof node === "object" && "branches" in node;

/** Which branch of a block is taken; -1 for none. */
type Way = ReadonlyMap<Block, number>;

const opening = /^(if|with|range|block|define)\b/;
/** The first word of an action; empty for a comment and for what only sets a variable. */
function wordOf(action: string): string {
  const inner = action.replace(/^\{\{-?\s*|\s*-?\}\}$/g, "");
  if (inner.startsWith("/*") || /^\$\w+\s*:?=/.test(inner) || /^(break|continue)$/.test(inner)) return "";
  return inner;
}
const isControl = (word: string): boolean => opening.test(word) || /^(else|end)\b/.test(word);

/** Whether a template has conditions or loops, comments, or variables of its own. */
export const hasControls = (text: string): boolean =>
  actionsIn(text).some(([action]) => {
    const word = wordOf(action);
    return word === "" || isControl(word);
  });

/** The conditions and loops of a Go template. */
export class Branches {
  readonly #nodes: Node[] = [];
  readonly #additions: string[] = [];
  readonly #place: string;

  /** `place` names the text in errors. */
  constructor(text: string, place: string) {
    this.#place = place;
    const open: { nodes: Node[]; block?: Block }[] = [{ nodes: this.#nodes }];
    let blocks = 0;
    const add = (node: Node): void => void open.at(-1)?.nodes.push(node);
    for (const { text: own, word, is, line } of tokensOf(text)) {
      const current = open.at(-1);
      if (word === undefined) add(own);
      else if (word === "") continue;
      else if (opening.test(word)) {
        const block: Block = { branches: [[]], isTotal: false };
        const isDefinition = word.startsWith("define");
        blocks += 1;
        if (blocks > mostWays) throw this.#tooMany();
        // It is no part of the text.
        if (!isDefinition) add(block);
        open.push({ nodes: block.branches[0] ?? [], block });
      } else if (/^else\b/.test(word) && current?.block !== undefined) {
        if (word === "else") current.block.isTotal = true;
        current.nodes = [];
        current.block.branches.push(current.nodes);
      } else if (/^end\b/.test(word) && open.length > 1) open.pop();
      else if (isControl(word)) throw this.#malformed(line);
      else if (is === "addition") this.#additions.push(`line ${line}: ${own}`);
      else add(is === "value" ? { whole: own } : own);
    }
    if (open.length > 1) throw this.#malformed(text.split("\n").length);
  }

  /** Expressions on lines of their own, which may add any values there. */
  get additions(): readonly string[] {
    return this.#additions;
  }

  /** The texts that the template may become: each branch is in at least one of them. */
  ways(): string[] {
    const ways: Way[] = [new Map()];
    const walk = (nodes: readonly Node[], chosen: Way): void => {
      for (const node of nodes) {
        if (!isBlock(node)) continue;
        for (const [i, branch] of node.branches.entries()) {
          const own = new Map([...chosen, [node, i] as const]);
          if (i > 0) ways.push(own);
          walk(branch, own);
        }
        if (!node.isTotal) ways.push(new Map([...chosen, [node, -1]]));
        if (ways.length > mostWays) throw this.#tooMany();
      }
    };
    walk(this.#nodes, new Map());
    let left = mostText;
    return ways.map((way) => {
      const text = textOf(this.#nodes, way);
      left -= text.length;
      if (left < 0) throw this.#tooMany();
      return text;
    });
  }

  #tooMany(): MeshproofError {
    return new MeshproofError(
      "config-invalid",
      `${this.#place} is a template with too many conditions and loops`,
      { remedy },
    );
  }

  #malformed(line: number): MeshproofError {
    return new MeshproofError(
      "config-invalid",
      `${this.#place} is no Go template: its conditions and loops do not match at line ${line}`,
      { remedy },
    );
  }
}
const remedy = "give what `helm get values` prints of each cluster";

/** `before`: the text so far. */
function textOf(nodes: readonly Node[], way: Way, before = ""): string {
  let text = before;
  for (const node of nodes)
    if (typeof node === "string") text += node;
    else if (isBlock(node)) text = textOf(node.branches[way.get(node) ?? 0] ?? [], way, text);
    else text = `${text.trimEnd()} ${node.whole}`;
  return text;
}

interface Token {
  readonly text: string;
  /** Of an action; undefined for text, and for a condition within one value. */
  readonly word?: string;
  /** What an action is that has a line for itself: the value of the key in the line above, or values among others. */
  readonly is?: "value" | "addition";
  readonly line: number;
}

interface Action {
  readonly start: number;
  readonly own: string;
  readonly word: string;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  let line = 1;
  const take = (to: number, more: Pick<Token, "word" | "is"> = {}): void => {
    const own = text.slice(end, to);
    if (own !== "") tokens.push({ text: own, line, ...more });
    line += own.split("\n").length - 1;
    end = to;
  };
  const actions = actionsIn(text).map((a): Action => ({ start: a.index, own: a[0], word: wordOf(a[0]) }));
  for (const [i, { start, own, word }] of actions.entries()) {
    if (start < end) continue;
    take(start);
    const last = closedOnLine(text, actions, i);
    const stop = last ?? start + own.length;
    take(stop, last === undefined ? { word, ...placeOf(text, start, stop) } : {});
  }
  take(text.length);
  return tokens;
}

const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;
function lineEnd(text: string, at: number): number {
  const next = text.indexOf("\n", at);
  return next === -1 ? text.length : next;
}

function placeOf(text: string, start: number, stop: number): Pick<Token, "is"> {
  const [from, to] = [lineStart(text, start), lineEnd(text, stop)];
  if (`${text.slice(from, start)}${text.slice(stop, to)}`.trim() !== "") return {};
  const isText = (l: string): boolean => l.trim() !== "" && !l.trim().startsWith("{{");
  // A few lines are enough, and a text may be long.
  const above = text
    .slice(Math.max(0, from - 2000), from)
    .split("\n")
    .findLast(isText);
  const below =
    text
      .slice(to, to + 2000)
      .split("\n")
      .find(isText) ?? "";
  const [, head = ""] = /^(\s*(?:-\s+)*)\S[^:]*:\s*$/.exec(above ?? "") ?? [];
  const indent = below.search(/\S/);
  const isOfKey = above?.trimEnd().endsWith(":") === true;
  const isLast = indent < head.length || (indent === head.length && below[indent] !== "-");
  return { is: isOfKey && isLast ? "value" : "addition" };
}

/** The end of a condition that stands within one value, as in `mode: {{ if .x }}a{{ else }}b{{ end }}`. */
function closedOnLine(text: string, actions: readonly Action[], i: number): number | undefined {
  const first = actions[i];
  if (first === undefined || !opening.test(first.word)) return undefined;
  if (text.slice(lineStart(text, first.start), first.start).trim() === "") return undefined;
  const last = lineEnd(text, first.start);
  let depth = 0;
  for (let j = i; j < actions.length; j++) {
    const { start, own, word } = actions[j] ?? first;
    if (start >= last) return undefined;
    if (opening.test(word)) depth += 1;
    if (/^end\b/.test(word)) depth -= 1;
    if (depth === 0) return start + own.length;
  }
  return undefined;
}
