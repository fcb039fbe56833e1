// `npm run bench -- [WHAT [ARGUMENT...]]`: figures as ratios within one run.
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { exit, guardOutput } from "#harness/platform/output.ts";
import { terminalProgress } from "#harness/platform/progress.ts";
import { toolWords } from "../command-line.ts";
import { benchImages, benchMemory, benchProber, benchSemantics, benchUp } from "./bench.ts";
import { benchCapture } from "./bench-capture.ts";
import { benchCoverage, benchFalseAlarms } from "./bench-coverage.ts";

const usage =
  "npm run bench -- [all | images | up | semantics | prober LAB | memory LAB | capture LAB TIMES | coverage [LABS...] | alarms]";

guardOutput();
const [what = "all", ...rest] = toolWords({
  usage,
  does: `Prints figures as ratios within one run: images the time per part of the image build, prober and memory those of a
running lab, capture the prober against packet captures over TIMES failovers in each direction, coverage how often
intervals of medians contain the median in simulated campaigns, alarms how often comparisons that ignore labs call
equal samples different. all is up and semantics.`,
});
const interrupted = new AbortController();
process.on("SIGINT", () => interrupted.abort());
using progress = terminalProgress();
const { signal } = interrupted;
const [lab = "default", times = "15"] = rest;

/** Lines as they come where a whole table takes minutes. */
const benches: Readonly<Record<string, () => Iterable<string> | Promise<Iterable<string>>>> = {
  all: async () => [...(await benchUp(progress, signal)), ...benchSemantics()],
  images: () => benchImages(progress, signal),
  up: () => benchUp(progress, signal),
  semantics: benchSemantics,
  prober: () => benchProber(lab, signal),
  memory: () => benchMemory(lab, signal),
  capture: () =>
    benchCapture(lab, numberOf(times, "TIMES"), (line) => void process.stderr.write(`${line}\n`), signal),
  coverage: () =>
    benchCoverage(rest.length > 0 ? rest.map((labs) => numberOf(labs, "LABS")) : [2, 3, 5, 10, 15, 20, 30]),
  alarms: benchFalseAlarms,
};

function numberOf(text: string, name: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw refused(`${name} ${JSON.stringify(text)} is not a number above 0`);
  return Number(text);
}

const refused = (message: string): MeshproofError =>
  new MeshproofError("usage", message, { remedy: `usage: ${usage}` });

try {
  const bench = Object.hasOwn(benches, what) ? benches[what] : undefined;
  if (bench === undefined) throw refused(`there is no benchmark ${JSON.stringify(what)}`);
  for (const line of await bench()) process.stdout.write(`${line}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof MeshproofError ? error.exitCode : 1;
}
await exit();
