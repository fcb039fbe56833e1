import { join } from "node:path";
import { figuresOfTimes } from "#harness/judge/timing.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { type Timed, type Timing, timingSchema } from "#harness/model/timing.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { runDirOf } from "./run-dir.ts";

/** Writes what a test timed into `timings/` of the report; returns the figures that the report shows. */
export async function writeTiming(
  { suite, test }: { readonly suite: string; readonly test: string },
  run: RunContext,
  timed: Timed,
): Promise<Readonly<Record<string, number | string>>> {
  const timing: Timing = { schema: 1, suite, test, runId: run.runId, ...timed };
  timingSchema.parse(timing);
  const file = `${[suite, test].map((n) => n.replace(/[^a-z0-9]+/gi, "-")).join("--")}.json`;
  await writeReportFile(join(runDirOf(run), "timings", file), `${JSON.stringify(timing)}\n`);
  return figuresOfTimes(timed.observations);
}
