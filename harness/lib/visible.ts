// Names, labels, logs and error messages come from untrusted clusters and archives. Characters and commands that a
// terminal or a CI runner would obey are escaped.

/** Control and format characters, bidi, line separators, zero-width characters, lone surrogates, non-XML characters. */
const unsafe = /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\p{NChar}]--\n]/gv;

/**
 * What a CI runner takes as a command: `::` at the start of a line (GitHub, Gitea); `##[`, `##vso[` and `##teamcity[`
 * anywhere in it. GitLab's `section_start` needs a CR and an ESC after it, which `visible` escapes.
 */
const command = /(?<=^\s*)::|##\w{0,20}\[/gm;

/**
 * Escapes characters that a terminal obeys or that a reader cannot see: ESC becomes `\x1b`, U+202E becomes `\u202e`. A
 * tab becomes spaces, CR LF a line feed; line feeds stay. JSON stays JSON with the same value. Idempotent.
 */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").replace(unsafe, escaped);
}

/** Text within a line of its own: a line break in a name must not look like another line. Idempotent. */
export const oneLine = (text: string): string => visible(text).replaceAll("\n", "\\n");

/**
 * The same for a CI log: workflow commands are escaped too (`::error` becomes `\u003a:error`). `before` is the printable
 * text already on the line that this text continues.
 */
export function printable(text: string, before = ""): string {
  const shown = visible(text);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  let out = "";
  let done = line.length;
  for (const { 0: found, index } of `${line}${shown}`.matchAll(command)) {
    if (index + found.length <= line.length) continue;
    // A command that begins in an earlier piece of the line is escaped in this piece.
    const at = Math.max(index, line.length);
    out += shown.slice(done - line.length, at - line.length) + escaped(shown.charAt(at - line.length));
    done = at + 1;
  }
  return out + shown.slice(done - line.length);
}

/** `\x1b` for a C0 control character; JSON's notation for any other, so that a JSON string stays one. */
function escaped(character: string): string {
  const units = character.split("").map((unit) => unit.charCodeAt(0));
  return units.map((n) => (n < 0x20 ? `\\x${hex(n, 2)}` : `\\u${hex(n, 4)}`)).join("");
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
