import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { prove } from "#harness/jobs/prove.ts";
import { testLab } from "#harness/jobs/test.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { suitesOf, titledBlocks } from "./blocks.ts";
import { copyIn } from "./files.ts";

export const suiteGuide = "docs/guides/writing-a-suite.md";

export interface DocsTrialOptions {
  readonly lab: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Copies the example suite and its fault table from the guide, runs the suite on a lab and proves it. Always removes
 * the files at the end. Throws the errors of `test` and `prove`.
 */
export async function docsTrial({ lab, say, signal }: DocsTrialOptions): Promise<{
  readonly passed: number;
  readonly failed: number;
}> {
  const blocks = titledBlocks(await readFile(join(repoRoot(), suiteGuide), "utf8"));
  const suites = suitesOf(blocks);
  if (suites.length === 0)
    throw new MeshproofError("usage", `${suiteGuide} has no code block with the title of a suite`, {
      remedy: "title it suites/NAME/NAME.suite.ts",
    });
  using _files = copyIn(repoRoot(), blocks);
  const common = { lab, suites, say, signal };
  const runs = [
    { name: "test", run: () => testLab({ ...common, ...idOf("test", suites, lab) }) },
    {
      name: "prove",
      run: () => prove({ ...common, ...idOf("prove", suites, lab), faults: [], full: false }),
    },
  ];
  let passed = 0;
  for (const { name, run } of runs) {
    signal.throwIfAborted();
    const { record } = await run();
    say(`${name} ${suites.join(" ")}: run ${record.runId}, exit code ${record.exitCode}`);
    if (record.exitCode === 0) passed += 1;
  }
  return { passed, failed: runs.length - passed };
}

const idOf = (command: string, suites: readonly string[], lab: string) => ({
  runId: newRunId(),
  command: meshCommand(command, ...suites, "--lab", lab),
});
