import { faultNamed } from "#harness/faults/index.ts";
import { preflight } from "#harness/lab/preflight.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { atStep } from "#harness/lib/ending.ts";
import { given } from "#harness/lib/given.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { ImageSource } from "#harness/model/artifacts.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { isHeldByThisProcess, readLabState } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { loadAllSuites } from "#harness/testkit/suite-list.ts";
import { knownDefects } from "./final-verdict.ts";
import { requireTerminal } from "./pause-on-fail.ts";
import type { RunReport } from "./run-report.ts";
import { earlierRun, selectFor, type TestOptions, testLab } from "./test.ts";
import { checkTestFiles } from "./test-files.ts";

export interface RunOptions
  extends Pick<
    TestOptions,
    | "selection"
    | "rerunFailed"
    | "suitesDir"
    | "accept"
    | "failFast"
    | "pauseOnFail"
    | "repeat"
    | "mcsConformance"
  > {
  readonly plan: KindLabPlan;
  readonly report: RunReport;
  readonly suites: readonly string[];
  readonly setup: boolean;
  readonly keep: boolean;
  /** The options that make such a lab again. */
  readonly labWords: readonly string[];
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

/** The main job: check the machine, fetch images, create the lab, test, report, remove the lab. */
export async function run(options: RunOptions): Promise<{ record: RunRecord; dir: string }> {
  const { plan, progress, signal } = options;
  if (options.pauseOnFail === true) requireTerminal();
  const earlier = await earlierRun({ ...options, lab: plan.lab });
  const all = await loadAllSuites(options.suitesDir);
  selectFor(options, all, plan, earlier);
  await knownDefects(options, all, plan);
  if (options.fault !== undefined) faultNamed(options.fault);
  checkTestFiles(options);
  const { registryMirror } = options.images;
  await atStep("preflight", () =>
    preflight({
      plan,
      setup: options.setup,
      mustBuild: options.mustBuild,
      progress,
      signal,
      ...(registryMirror === undefined ? {} : { registryMirror }),
    }),
  );
  // Held from the first change to the last, so that no command finds the lab "already up" just before its removal.
  return atStep("lock", () =>
    withLab(plan.lab, signal, (held) => runUnderLock({ ...options, signal: held })),
  );
}

async function runUnderLock(options: RunOptions): Promise<{ record: RunRecord; dir: string }> {
  const { plan, report, progress, signal } = options;
  await atStep("up", () =>
    up({
      plan,
      runId: report.runId,
      images: options.images,
      keep: options.keep,
      transient: !options.keep,
      progress,
      signal,
    }),
  );
  // A lab that another command keeps is not removed.
  const state = await readLabState(plan.lab);
  const isRemoved = state !== undefined && (await isHeldByThisProcess(state));
  await using _mine = {
    [Symbol.asyncDispose]: () => atStep("clean-up", () => removeHeldLab(plan.lab, progress)),
  };
  return await testLab({
    lab: plan.lab,
    suites: options.suites,
    runId: report.runId,
    report,
    command: options.command,
    say: options.say,
    signal,
    // Of a lab that is gone by then, `test` would find nothing.
    again: isRemoved
      ? { command: "run", options: options.labWords }
      : { command: "test", options: ["--lab", plan.lab] },
    ...given({
      fault: options.fault,
      summary: options.summary,
      selection: options.selection,
      rerunFailed: options.rerunFailed,
      suitesDir: options.suitesDir,
      accept: options.accept,
      failFast: options.failFast,
      pauseOnFail: options.pauseOnFail,
      repeat: options.repeat,
      mcsConformance: options.mcsConformance,
    }),
  });
}
