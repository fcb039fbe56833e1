const head =
  /^\s*(?:(?:do|then|else|\{)\s+)*(?:(?:export|readonly|local|declare|typeset)\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)(\+?)=\(/;

/** Lines that one assignment of an array may take: without a limit, each of a file's lines is read with all that follow. */
const mostLines = 500;

/** `NAME=(...)` or `NAME+=(...)`, which may take several lines. */
export interface ShellArray {
  readonly name: string;
  /** Whether its words are added to those that the array has. */
  readonly isMore: boolean;
  /** The text between the parentheses. */
  readonly inside: string;
  /** How many characters the assignment takes. */
  readonly length: number;
}

/** The assignment of an array with which a text begins; undefined if there is none, or if it does not end. */
export function arrayAt(text: string): ShellArray | undefined {
  const [whole, name, more] = head.exec(text) ?? [];
  if (whole === undefined || name === undefined) return undefined;
  const end = closingOf(text, whole.length);
  return end === undefined
    ? undefined
    : { name, isMore: more === "+", inside: text.slice(whole.length, end), length: end + 1 };
}

/** The same at a line of a script, with the index of its last line and what follows there. */
export function arrayInLines(
  lines: readonly string[],
  first: number,
): { readonly text: string; readonly last: number; readonly rest: string } | undefined {
  if (!head.test(lines[first] ?? "")) return undefined;
  const text = lines.slice(first, first + mostLines).join("\n");
  const array = arrayAt(text);
  if (array === undefined) return undefined;
  const own = text.slice(0, array.length);
  const last = first + own.split("\n").length - 1;
  const [rest = ""] = text.slice(array.length).split("\n");
  return { text: own, last, rest: rest.replace(/^\s*(?:;|&&|#.*)\s*/, "").trim() };
}

/** Where the parenthesis is closed that was opened before `from`. */
function closingOf(text: string, from: number): number | undefined {
  let depth = 1;
  let quote = "";
  for (let i = from; i < text.length; i++) {
    const c = text.charAt(i);
    if (quote !== "") {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"') i++;
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "\\") i++;
    else if (c === "#" && /[\s(]/.test(text.charAt(i - 1))) {
      const end = text.indexOf("\n", i);
      if (end === -1) return undefined;
      i = end;
    } else if (c === "(") depth += 1;
    else if (c === ")") depth -= 1;
    if (depth === 0) return i;
  }
  return undefined;
}

/** `${NAME[@]}`: all words of an array. */
export const wholeArray = /^\$\{([A-Za-z_]\w*)\[[@*]\]\}/;

/** A command with the words of the arrays that are known in their place, to see what it runs. */
export const withArrays = (text: string, known: ReadonlyMap<string, string | readonly string[]>): string =>
  text.replaceAll(/"?(\$\{([A-Za-z_]\w*)\[[@*]\]\})"?/g, (whole: string, _: string, name: string) => {
    const words = known.get(name);
    return words === undefined || typeof words === "string" ? whole : words.join(" ");
  });
