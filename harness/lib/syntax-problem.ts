import { messageOf } from "./errors.ts";

interface Placed {
  readonly linePos?: readonly { readonly line: number; readonly col: number }[];
}

/**
 * Why a parser of JSON or YAML refuses a text, and where, without any of the text: the line may hold a password. The
 * libraries quote the text behind a colon, in quotes, or on further lines.
 */
export function syntaxProblem(error: unknown): string {
  const [first = ""] = messageOf(error).split("\n");
  const place = (error as Placed).linePos?.[0];
  const reason = first
    .replace(/ (?:at line \d+, column \d+|in JSON at position \d+.*):?$/, "")
    // Between the marks of a tag may be anything.
    .replace(/^The !.* tag\b/, "The tag")
    .split(/[:"'`]|, \.\.\./)[0]
    ?.trim()
    .replace(/[,(]$/, "");
  const position = / in JSON at position (\d+)/.exec(first)?.[1];
  if (place !== undefined) return `${reason} (line ${place.line}, column ${place.col})`;
  return position === undefined ? `${reason}` : `${reason} (position ${position})`;
}
