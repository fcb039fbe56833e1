import { join } from "node:path";
import type { ImageOptions } from "#harness/images/options.ts";
import { isDisposable } from "#harness/lab/other-labs.ts";
import { mustBuild, preflight } from "#harness/lab/preflight.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { atStep } from "#harness/lib/ending.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { lossesFile, lossesOf, readLosses } from "#harness/measure/loss-files.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { givesFigures } from "#harness/model/measurement.ts";
import type { RunRecord, TestRecord } from "#harness/model/record.ts";
import { readLabState, requireOwn } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { reapLab } from "#harness/state/reap.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { withoutCount } from "#harness/testkit/selection.ts";
import type { ListedSuite } from "#harness/testkit/suite-list.ts";
import { testLab } from "../test.ts";
import type { FreshLab, RunResult, World } from "./campaign.ts";
import { type Batch, keyOf, type ScheduledRun } from "./schedule.ts";
import { type PickedTitles, pickTitles, type ResolvedRow } from "./titles.ts";

export interface LabWorldOptions {
  /** The plan of every setting's labs; all have the same name. */
  readonly plans: ReadonlyMap<string, KindLabPlan>;
  /** The options with which `run` makes such a lab again. */
  readonly labWords: (setting: string) => readonly string[];
  readonly rows: readonly ResolvedRow[];
  readonly suites: readonly ListedSuite[];
  readonly images: ImageOptions;
  readonly setup: boolean;
  /** Gets a folder for each set-up of a suite. */
  readonly reportsDir: string;
  readonly command: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
}

/** Labs of this machine, one after the other, under one name. */
export function labWorld(options: LabWorldOptions): World {
  return {
    async withFreshLab(setting, signal, work) {
      const plan = options.plans.get(setting);
      if (plan === undefined) throw new Error(`the campaign has no setting ${setting}`);
      await withLab(plan.lab, signal, async (held) => {
        await removeLeftLab(plan.lab, options.progress, held);
        const lab = await create(options, setting, plan, held);
        await using _removed = {
          [Symbol.asyncDispose]: () => atStep("clean-up", () => removeHeldLab(plan.lab, options.progress)),
        };
        await work(lab, held);
      });
    },
  };
}

/**
 * A lab that a killed command left is removed, not continued: a fault may have been in force in it since. Call it under
 * the lab's lock. Throws `config-conflict` for a lab that somebody keeps.
 */
async function removeLeftLab(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  const state = await readLabState(lab);
  if (state === undefined) return;
  requireOwn(state);
  if (!(await isDisposable(state)))
    throw new MeshproofError("config-conflict", `lab ${lab} is up and no killed command left it`, {
      remedy: `choose another --lab, or run \`${meshCommand("down", "--lab", lab)}\` first`,
    });
  await progress.step(`remove lab ${lab}, left by a killed command`, () => reapLab(lab, signal));
}

async function create(
  { images, setup, progress, ...options }: LabWorldOptions,
  setting: string,
  plan: KindLabPlan,
  signal: AbortSignal,
): Promise<FreshLab> {
  const { registryMirror } = images;
  await atStep("preflight", async () =>
    preflight({
      plan,
      setup,
      mustBuild: await mustBuild(plan, images),
      progress,
      signal,
      ...given({ registryMirror }),
    }),
  );
  const runId = newRunId();
  const startedMs = monotonicMs();
  await atStep("up", () => up({ plan, runId, images, transient: true, progress, signal }));
  return {
    id: `${plan.lab} ${runId}`,
    createdMs: monotonicMs() - startedMs,
    measure: (batch, onRun, within) =>
      measureBatch({ ...options, images, setup, progress }, { setting, plan, batch, onRun, signal: within }),
  };
}

interface BatchOptions {
  readonly setting: string;
  readonly plan: KindLabPlan;
  readonly batch: Batch;
  readonly onRun: Parameters<FreshLab["measure"]>[1];
  readonly signal: AbortSignal;
}

/** Runs one set-up of a suite with the tests that measure the batch's runs, in the batch's order. */
async function measureBatch(
  options: LabWorldOptions,
  { setting, plan, batch, onRun, signal }: BatchOptions,
): Promise<readonly ScheduledRun[]> {
  const { suites, rows, reportsDir, command, say } = options;
  const clusters = plan.clusters.map((c) => c.name);
  const suite = suites.find(({ info }) => info.name === batch.suite);
  const own = rows.filter((row) => row.suite === batch.suite && row.setting === setting);
  const picked = pickTitles(batch, own, (repeat) =>
    suite === undefined ? [] : suite.tests({ clusters, repeat }).map((t) => t.title),
  );
  const runId = newRunId();
  const reported = new ReportedRuns(picked, join(reportsDir, runId), onRun);
  const { record } = await testLab({
    lab: plan.lab,
    suites: [batch.suite],
    runId,
    reportsDir,
    repeat: picked.repeat,
    selection: { titles: { [batch.suite]: picked.titles } },
    outputs: (stop) => [{ testEnded: (test) => reported.add(test, stop) }],
    again: { command: "run", options: options.labWords(setting) },
    command,
    say,
    signal,
  });
  return reported.end(record);
}

/** Passes the results of a batch's tests on as results of its runs. */
class ReportedRuns {
  readonly #picked: PickedTitles;
  readonly #dir: string;
  readonly #onRun: BatchOptions["onRun"];
  /** Whether each run gave figures when it was reported. */
  readonly #sound = new Map<string, boolean>();
  #error: unknown;

  constructor(picked: PickedTitles, dir: string, onRun: BatchOptions["onRun"]) {
    this.#picked = picked;
    this.#dir = dir;
    this.#onRun = onRun;
  }

  /** An error ends the batch and is thrown by `end`: in a reporter it would be lost. */
  add(test: TestRecord, stop: () => void): void {
    const run = this.#picked.runOf.get(test.name);
    if (run === undefined || this.#sound.has(keyOf(run)) || this.#error !== undefined) return;
    try {
      const result = resultOf(test, this.#dir);
      if (result === undefined) return;
      this.#sound.set(keyOf(run), isSound(test));
      if (this.#onRun(run, result) === "stop") stop();
    } catch (error) {
      this.#error = error;
      stop();
    }
  }

  /** The runs that the end of the batch shows to be spoiled. */
  end(record: RunRecord): ScheduledRun[] {
    if (this.#error !== undefined) throw this.#error;
    return record.suites
      .flatMap((suite) => suite.tests)
      .flatMap((test) => {
        const run = this.#picked.runOf.get(test.name);
        return run !== undefined && !isSound(test) && this.#sound.get(keyOf(run)) === true ? [run] : [];
      });
  }
}

const isSound = ({ outcome, notes }: TestRecord): boolean => givesFigures({ ...notes.measurement, outcome });

/** Undefined for a test that was interrupted or left out. Throws `config-conflict` for one that this lab cannot run. */
function resultOf(test: TestRecord, dir: string): RunResult | undefined {
  const { outcome, reasons, durationMs: ms, notes } = test;
  if (outcome === "skipped") return undefined;
  if (outcome === "unsupported")
    throw new MeshproofError(
      "config-conflict",
      `${test.suite} > ${withoutCount(test.name)} is unsupported on this lab: ${reasons.join("; ")}`,
      { remedy: "take the row out of the plan, or change its lab file" },
    );
  const { measurement } = notes;
  if (measurement === undefined) return { outcome, ms, reasons };
  return {
    outcome,
    ms,
    reasons,
    measurement: { ...measurement, outcome },
    ...given({ losses: lossesOf(readLosses(lossesFile(dir)), measurement) }),
  };
}
