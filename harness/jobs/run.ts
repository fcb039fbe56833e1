import { preflight } from "#harness/lab/preflight.ts";
import { removeMine } from "#harness/lab/remove-mine.ts";
import { up } from "#harness/lab/up.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { ImageSource } from "#harness/model/artifacts.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { lockLab } from "#harness/state/lab.ts";
import { checkSuites } from "#harness/testkit/suites.ts";
import { testLab } from "./test.ts";

export interface RunOptions {
  readonly plan: LabPlan;
  readonly runId: string;
  readonly suites: readonly string[];
  readonly setup: boolean;
  readonly keep: boolean;
  readonly images: {
    readonly source: ImageSource | "auto";
    readonly archive?: string;
    readonly registryMirror?: string;
  };
  readonly mustBuild: boolean;
  readonly fault?: string;
  readonly summary?: string;
  readonly command: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The main job: check the machine, get images, bring the lab up, test, report, take it down. */
export async function run(options: RunOptions): Promise<{ record: RunRecord; dir: string }> {
  const { plan, progress, signal } = options;
  checkSuites(options.suites, plan);
  await preflight({
    plan,
    setup: options.setup,
    mustBuild: options.mustBuild,
    progress,
    signal,
    ...(options.images.registryMirror === undefined ? {} : { registryMirror: options.images.registryMirror }),
  });
  // Held from the first change to the last: nobody finds the lab "already up" just before it is removed.
  await using _lock = await lockLab(plan.lab);
  await up({
    plan,
    runId: options.runId,
    images: options.images,
    keep: options.keep,
    transient: !options.keep,
    progress,
    signal,
  });
  try {
    return await testLab({
      lab: plan.lab,
      suites: options.suites,
      runId: options.runId,
      command: options.command,
      say: options.say,
      signal,
      ...(options.fault === undefined ? {} : { fault: options.fault }),
      ...(options.summary === undefined ? {} : { summary: options.summary }),
    });
  } finally {
    // A lab that somebody keeps is not this command's to remove.
    await removeMine(plan.lab, progress);
  }
}
