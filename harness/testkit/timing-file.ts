import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { figuresOfTimes } from "#harness/judge/timed-rows.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { type Timed, type Timing, type TimingIdentity, timingSchema } from "#harness/model/timing.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";
import { identityOf } from "./identity-of.ts";
import { runDirOf } from "./run-dir.ts";

export async function timingIdentityOf(
  mesh: Mesh,
  echo: Pick<EchoBackends, "settingOf">,
  { probeIntervalFactor }: RunContext,
  signal: AbortSignal,
): Promise<TimingIdentity> {
  const of = { mesh, echo, application: "exits", probeIntervalFactor, signal } as const;
  const { lab, settingHash, sourceHash, tuned, calibrationMs } = await identityOf(of);
  return {
    lab,
    settingHash,
    sourceHash,
    tuned,
    ...(calibrationMs === undefined ? {} : { calibrationMs }),
  };
}

/** Writes what a test timed into `timings/` of the report; returns the figures that the report shows. */
export async function writeTiming(
  of: Pick<Timing, "suite" | "test" | "identity">,
  run: RunContext,
  timed: Timed,
): Promise<Readonly<Record<string, number | string>>> {
  const timing: Timing = { schema: 1, ...of, runId: run.runId, ...timed };
  timingSchema.parse(timing);
  const file = `${[of.suite, of.test].map((n) => n.replace(/[^a-z0-9]+/gi, "-")).join("--")}.json`;
  await writeReportFile(join(runDirOf(run), "timings", file), `${JSON.stringify(timing)}\n`);
  return figuresOfTimes(timed.observations);
}
