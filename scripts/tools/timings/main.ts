// `npm run timings -- REPORT_DIR...`: adds what runs timed to the published figures, and writes their pages.

import { readRun } from "#harness/jobs/write-report.ts";
import { describeError } from "#harness/lib/errors.ts";
import { timingTopics } from "#harness/model/timing.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { toolWords } from "../command-line.ts";
import { dataFile, pageFile, readTimings, timingsOf } from "./files.ts";
import { timingsPage } from "./page.ts";
import { publishedRun, withRuns } from "./publish.ts";

guardOutput();
const dirs = toolWords({
  usage: "npm run timings -- [REPORT_DIR...]",
  does: "Adds what these runs timed to the published figures, and writes their pages; without a run only the pages.",
});
try {
  const added = [];
  for (const dir of dirs) added.push(publishedRun(await readRun(dir), await timingsOf(dir)));
  const published = withRuns(await readTimings(), added);
  const lines = published.runs.map((r) => `  ${JSON.stringify(r)}`).join(",\n");
  await writeAtomic(dataFile(), `{"schema": 1, "runs": [\n${lines}\n]}\n`);
  for (const topic of timingTopics) {
    await writeAtomic(pageFile(topic), timingsPage(published, topic));
    process.stdout.write(`${pageFile(topic)}\n`);
  }
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
await exit();
