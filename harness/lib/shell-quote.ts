// Not a library: within single quotes a POSIX shell takes every character literally, so one rule is enough. Libraries
// also have rules for other shells, or write backslashes that are hard to read.

/** Words that every shell takes literally and that need no quotes; zsh expands a leading `=`. */
const plain = /^(?!=)[\w@%+=:,./-]+$/;

const quoted = (word: string): string => (plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** Words as one line to paste into a POSIX shell, which splits it into the same words. No word may contain NUL. */
export const shellQuote = (words: readonly string[]): string => words.map(quoted).join(" ");

/** A Meshproof command line to paste. */
export const meshCommand = (...args: readonly string[]): string => `npm run mesh -- ${shellQuote(args)}`;
