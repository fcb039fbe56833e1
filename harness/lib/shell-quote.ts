// Own code rather than a library: within single quotes a POSIX shell takes every character as it is, so one rule is the
// whole of it; libraries bring rules for other shells, or backslashes that a person cannot read.

/** What every shell takes literally, so that a plain line stays plain; zsh expands a `=` at the front. */
const plain = /^(?!=)[\w@%+=:,./-]+$/;

const quoted = (word: string): string => (plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Words as one line to paste into a POSIX shell, which takes it apart into the same words. No word may hold NUL. */
export const shellQuote = (words: readonly string[]): string => words.map(quoted).join(" ");

/** A command line of Meshproof's, to paste. */
export const meshCommand = (...args: readonly string[]): string => `npm run mesh -- ${shellQuote(args)}`;
