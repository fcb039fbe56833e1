import type { Finding } from "#harness/model/finding.ts";

/** A command of a finding's next step. */
export interface RemedyCommand {
  /** In which cluster it runs. */
  readonly cluster: string;
  readonly argv: readonly string[];
  /** As it is printed, without the name of the cluster. */
  readonly text: string;
  /** False for one that only shows something. */
  readonly changes: boolean;
}

const programs = ["kubectl", "docker", "helm", "cilium", "npm run mesh --"] as const;
/** A command begins its step, or follows `: ` or `then `. */
const start = new RegExp(`(?:^|: |\\bthen )(?=(?:${programs.join("|")}) )`);

/**
 * The commands of a finding's next step, by one rule. The text is a list of steps separated by `; `. A command is the end
 * of a step: it begins with `kubectl`, `docker`, `helm`, `cilium` or `npm run mesh --`, at the beginning of the step or
 * after `: ` or `then `, and has only words as a POSIX shell splits them, without pipes, expansions and redirections. It
 * runs in the cluster of the finding, or in NAME where the step ends with ` in NAME`. Everything else is for the reader.
 */
export function remedyCommands(
  { cluster, next }: Pick<Finding, "cluster" | "next">,
  clusters: readonly string[],
): RemedyCommand[] {
  return stepsOf(next).flatMap((step) => {
    const begin = start.exec(step);
    if (begin === null) return [];
    const line = step.slice(begin.index + begin[0].length);
    const where = clusters.find((name) => line.endsWith(` in ${name}`));
    const text = where === undefined ? line : line.slice(0, -` in ${where}`.length);
    const argv = shellWords(text);
    return argv === undefined ? [] : [{ cluster: where ?? cluster, argv, text, changes: changes(argv) }];
  });
}

/** Splits at `; ` outside of words that `shellQuote` quoted; an apostrophe of the prose is inside its word. */
function stepsOf(text: string): string[] {
  const steps: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && !isQuoted) i += 1;
    else if (text[i] === "'") isQuoted = !isQuoted && / '?$|^$|\\'$/.test(text.slice(Math.max(0, i - 2), i));
    else if (!isQuoted && text.startsWith("; ", i)) {
      steps.push(text.slice(from, i));
      from = i + 2;
    }
  }
  return isQuoted ? text.split("; ") : [...steps, text.slice(from)];
}

const plainWord = /^[\w@%+=:,./-]+$/;
const piece = /'([^']*)'|\\(.)|([^\s'\\]+)/gy;

/** The words of a command, or undefined if the text is no plain command line. A word that ends in a comma is prose. */
function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    let word = "";
    piece.lastIndex = at;
    for (let found = piece.exec(text); found !== null; found = piece.exec(text)) {
      const [, quoted, escaped, bare] = found;
      if (bare !== undefined && !plainWord.test(bare)) return undefined;
      word += quoted ?? escaped ?? bare ?? "";
      at = piece.lastIndex;
    }
    if (text[at] !== undefined && text[at] !== " ") return undefined;
    if (/[,.]$/.test(word) && text[at - 1] !== "'") return undefined;
    words.push(word);
    at += 1;
  }
  return words;
}

/** `edit` opens an editor: what it changes is for the reader. */
const looks = [
  "get",
  "describe",
  "logs",
  "events",
  "edit",
  "status",
  "ps",
  "inspect",
  "iptables-save",
  "lsns",
];
/** Options that take the next word. */
const valued = ["-n", "--namespace", "--context", "--kube-context"];

function changes(argv: readonly string[]): boolean {
  const words = argv.filter((w, i) => !w.startsWith("-") && !valued.includes(argv[i - 1] ?? ""));
  const [program, verb = "", more = "", inner = ""] = words;
  if (program === "docker" && verb === "exec") return !looks.includes(inner);
  const isGroup = ["rollout", "clustermesh"].includes(verb);
  return !looks.includes(isGroup ? more : verb);
}
