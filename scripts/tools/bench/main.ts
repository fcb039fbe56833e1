// `npm run bench`: figures as ratios within one run. `bench images` prints the time per part of the image build; `bench
// capture LAB TIMES` compares the prober with packet captures over that many failovers in each direction; `bench
// coverage [LABS...]` simulates campaigns and prints how often intervals of medians contain the median; `bench
// alarms` how often comparisons that ignore labs call equal samples different.
import { describeError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { terminalProgress } from "#harness/platform/progress.ts";
import { benchImages, benchMemory, benchProber, benchSemantics, benchUp } from "./bench.ts";
import { benchCapture } from "./bench-capture.ts";
import { benchCoverage, benchFalseAlarms } from "./bench-coverage.ts";

guardOutput();
const interrupted = new AbortController();
process.on("SIGINT", () => interrupted.abort());
using progress = terminalProgress();
const what = process.argv[2] ?? "all";
try {
  const lines: string[] = [];
  if (what === "images") lines.push(...(await benchImages(progress, interrupted.signal)));
  if (what === "up" || what === "all") lines.push(...(await benchUp(progress, interrupted.signal)));
  if (what === "semantics" || what === "all") lines.push(...benchSemantics());
  if (what === "prober") lines.push(...(await benchProber(process.argv[3] ?? "default", interrupted.signal)));
  if (what === "memory") lines.push(...(await benchMemory(process.argv[3] ?? "default", interrupted.signal)));
  if (what === "coverage") {
    const labs = process.argv.slice(3).map(Number);
    // As they come: the whole table takes minutes.
    for (const line of benchCoverage(labs.length > 0 ? labs : [2, 3, 5, 10, 15, 20, 30]))
      process.stdout.write(`${line}\n`);
  }
  if (what === "alarms") for (const line of benchFalseAlarms()) process.stdout.write(`${line}\n`);
  if (what === "capture")
    lines.push(
      ...(await benchCapture(
        process.argv[3] ?? "default",
        Number(process.argv[4] ?? 15),
        (line) => void process.stderr.write(`${line}\n`),
        interrupted.signal,
      )),
    );
  for (const line of lines) process.stdout.write(`${line}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
await exit();
