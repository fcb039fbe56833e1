/** A code block of a guide that is a whole file: ` ```ts title=PATH `. */
export interface TitledBlock {
  /** From the root of the repository. */
  readonly path: string;
  /** Ends with a newline. */
  readonly text: string;
}

/** Every titled code block of a Markdown page, in order. */
export const titledBlocks = (markdown: string): TitledBlock[] =>
  [...markdown.matchAll(/^```\w+ title=(\S+)\n(.*?)^```$/gms)].map(([, path = "", text = ""]) => ({
    path,
    text,
  }));

/** The suites whose modules are among the blocks. */
export const suitesOf = (blocks: readonly TitledBlock[]): string[] =>
  blocks.flatMap(({ path }) => /^suites\/([^/]+)\/\1\.suite\.ts$/.exec(path)?.[1] ?? []);
