import { normalize } from "node:path";

/** Text that a script gives to a command: the lines after `<<END`, up to one that is END. */
export interface HereDocument {
  readonly text: string;
  /** Whether its variables stay as they are: `<<'END'`. */
  readonly isQuoted: boolean;
  /** The first line, of the file, from 1. */
  readonly line: number;
}

const operator = /(?<![<\w])<<(-?)[ \t]*(?:'([^']+)'|"([^"]+)"|(\\?)([\w.+-]+))/;

/** Lines that one document may take: without a limit, each of a file's lines is read with all that follow. */
const mostLines = 1000;

/** Commands for another shell, such as those of `ssh HOST <<END`, are commands of the script. */
const isScript = (text: string): boolean =>
  /^(?![ \t]*#).*\b(?:(?:helm|cilium)[ \t]+(?:install|upgrade|template)|cilium[ \t]+clustermesh[ \t]+enable)(?:[ \t]|$)/m.test(
    text,
  );

/**
 * The here-document that a command begins, whose own lines end before `first`, and the index of its last line; undefined
 * if there is none, or if it does not end.
 */
export function hereDocumentOf(
  command: string,
  lines: readonly string[],
  first: number,
): { readonly document: HereDocument; readonly last: number } | undefined {
  const [whole, dash, single, double, backslash, bare] = operator.exec(command) ?? [];
  const end = single ?? double ?? bare;
  if (whole === undefined || end === undefined) return undefined;
  const own = lines
    .slice(first, first + mostLines)
    .map((line) => (dash === "-" ? line.replace(/^\t+/, "") : line));
  const length = own.findIndex((line) => line.trimEnd() === end);
  const text = own.slice(0, Math.max(length, 0)).join("\n");
  if (length === -1 || isScript(text)) return undefined;
  return {
    document: { text, isQuoted: bare === undefined || backslash !== "", line: first + 1 },
    last: first + length,
  };
}

/** The file that a command writes its here-document to, as `cat > FILE` and `tee FILE` do; undefined if it writes none. */
export function writtenFile(
  command: string,
): { readonly name: string; readonly isMore: boolean } | undefined {
  const [, more, , to] = /(?<![\d&<>])>(>?)[ \t]*(["']?)([^\s"'<>|&;]+)\2/.exec(command) ?? [];
  const [, option, , copy] =
    /\btee[ \t]+((?:-\S+[ \t]+)*)(["']?)([^\s"'<>|&;-][^\s"'<>|&;]*)\2/.exec(command) ?? [];
  const name = copy ?? to;
  if (name === undefined || name.startsWith("/dev/")) return undefined;
  return { name: normalize(name), isMore: copy === undefined ? more === ">" : /-\w*a/.test(option ?? "") };
}
