// `npm run matrix -- [REPORT_DIR...]`: adds runs to the matrix of versions, and writes its page.

import { readRun } from "#harness/jobs/write-report.ts";
import { describeError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { toolWords } from "../command-line.ts";
import { dataFile, pageFile, readMatrix } from "./files.ts";
import { entryOf, matrixPage, withEntries } from "./versions-matrix.ts";

guardOutput();
const dirs = toolWords({
  usage: "npm run matrix -- [REPORT_DIR...]",
  does: "Adds runs, by the folders of their reports, to the matrix of versions, and writes docs/results/versions.md.",
});
try {
  const runs = await Promise.all(dirs.map(readRun));
  const matrix = withEntries(await readMatrix(), runs.map(entryOf));
  await writeAtomic(dataFile(), `${JSON.stringify(matrix, null, 2)}\n`);
  await writeAtomic(pageFile(), matrixPage(matrix));
  process.stdout.write(`${pageFile()}: ${matrix.runs.length} runs\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
