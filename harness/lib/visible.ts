// Names, labels, logs and error messages come from clusters and archives that others wrote. What a terminal, a reader or
// a CI runner would obey in them is shown instead.

/** Control and format characters, bidi, line separators, what has no width, lone surrogates, what XML cannot write. */
const unsafe = /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\p{NChar}]--\n]/gv;

/**
 * What a CI runner takes as a command: `::` as a line begins (GitHub, Gitea), `##[`, `##vso[` and `##teamcity[` anywhere
 * in it. GitLab's `section_start` needs a CR and an ESC behind it, which `visible` shows.
 */
const command = /(?<=^\s*)::|##\w{0,20}\[/gm;

/**
 * Text without a character that a terminal obeys or that a reader cannot see: ESC becomes `\x1b`, U+202E becomes
 * `\u202e`. A tab becomes spaces, CR LF a line feed; line feeds stay. JSON stays JSON of the same value. Idempotent.
 */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").replace(unsafe, escaped);
}

/**
 * The same for what a CI log may show: nothing in it is a workflow command either (`::error` becomes `\u003a:error`).
 * `before` is what already stands on the line that the text continues, made printable itself.
 */
export function printable(text: string, before = ""): string {
  const shown = visible(text);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  let out = "";
  let done = line.length;
  for (const { 0: found, index } of `${line}${shown}`.matchAll(command)) {
    if (index + found.length <= line.length) continue;
    // A command that an earlier piece of the line began is broken where this one goes on.
    const at = Math.max(index, line.length);
    out += shown.slice(done - line.length, at - line.length) + escaped(shown.charAt(at - line.length));
    done = at + 1;
  }
  return out + shown.slice(done - line.length);
}

/** `\x1b` for a C0 control character; any other as JSON writes it, so that a JSON string that holds it stays one. */
function escaped(character: string): string {
  const units = character.split("").map((unit) => unit.charCodeAt(0));
  return units.map((n) => (n < 0x20 ? `\\x${hex(n, 2)}` : `\\u${hex(n, 4)}`)).join("");
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");
