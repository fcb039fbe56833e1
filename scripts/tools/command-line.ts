import { describeError, MeshproofError } from "#harness/lib/errors.ts";

/** How an npm script of this folder is called. */
interface ToolUsage {
  /** As typed: `npm run matrix -- [REPORT_DIR...]`. */
  readonly usage: string;
  /** One sentence. */
  readonly does: string;
  /** How many arguments it takes; without it any number. */
  readonly most?: number;
}

/** The arguments, or the text of `--help`. Throws `usage` for an option, and for an argument too many. */
export function parseWords(
  words: readonly string[],
  { usage, does, most }: ToolUsage,
): { readonly help: string } | { readonly words: readonly string[] } {
  if (words.includes("--help") || words.includes("-h")) return { help: `usage: ${usage}\n\n${does}\n` };
  const unknown = words.find((w) => w === "" || w.startsWith("-")) ?? words[most ?? words.length];
  if (unknown !== undefined)
    throw new MeshproofError("usage", `unknown argument ${JSON.stringify(unknown)}`, {
      remedy: `usage: ${usage}`,
    });
  return { words };
}

/** The arguments of this process. Ends it after `--help`, and with exit code 2 for an argument that is not known. */
export function toolWords(usage: ToolUsage): readonly string[] {
  try {
    const parsed = parseWords(process.argv.slice(2), usage);
    if ("words" in parsed) return parsed.words;
    process.stdout.write(parsed.help);
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`);
    process.exit(2);
  }
  process.exit();
}
