import { monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import type { LossRecord } from "#harness/model/loss-record.ts";
import type { CampaignStamp, Measurement } from "#harness/model/measurement.ts";
import type { Source } from "#harness/platform/source.ts";
import { type CampaignFiles, type CampaignMeasurement, counts } from "./campaign-files.ts";
import { batchesMs, type Durations, durationsOf, labsMs, roughly } from "./estimate.ts";
import { refuseMixture } from "./mixture.ts";
import {
  type Batch,
  keyOf,
  merged,
  nextLab,
  onlyRuns,
  type ScheduledLab,
  type ScheduledRun,
} from "./schedule.ts";
import type { ResolvedRow } from "./titles.ts";

/** How a run ended. Without a measurement it gave no figure. */
export interface RunResult {
  readonly outcome: "pass" | "fail" | "unknown";
  readonly measurement?: Measurement;
  readonly losses?: LossRecord;
  readonly ms: number;
  readonly reasons: readonly string[];
}

/** A lab that was created for the campaign, and is removed when the work in it ends. */
export interface FreshLab {
  readonly id: string;
  readonly createdMs: number;
  /**
   * Measures the runs of a batch, one after the other, until `onRun` returns `stop`. Returns the runs that turned out
   * to be spoiled only after they were reported.
   */
  measure(
    batch: Batch,
    onRun: (run: ScheduledRun, result: RunResult) => "next" | "stop",
    signal: AbortSignal,
  ): Promise<readonly ScheduledRun[]>;
}

/** What a campaign needs of the machine; unit tests replace it. */
export interface World {
  /** Removes what a killed command left of the lab, creates it fresh, and removes it after `work`, however that ends. */
  withFreshLab(
    setting: string,
    signal: AbortSignal,
    work: (lab: FreshLab, signal: AbortSignal) => Promise<void>,
  ): Promise<void>;
}

export interface Campaign {
  readonly stamp: Pick<CampaignStamp, "name" | "part" | "plan" | "commit">;
  readonly source: Source;
  readonly seed: number;
  readonly rows: readonly ResolvedRow[];
  readonly schedule: readonly ScheduledLab[];
  readonly attempts: number;
  /** The option that begins a new part, for error messages. */
  readonly newPart: string;
}

export interface CampaignRun {
  readonly campaign: Campaign;
  readonly files: CampaignFiles;
  readonly world: World;
  readonly meshproof: string;
  /** `--limit`: nothing is begun after this time on the monotonic clock. */
  readonly untilMs?: number;
  /** The clock of the limit: the monotonic one, except in unit tests. */
  readonly nowMs?: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** So many set-ups in a row without a single figure end the command: the next would not give one either. */
const mostBarren = 2;

/** Measures what is left of a campaign, to its end or to the limit. The journal says why it stopped. */
export async function runCampaign(run: CampaignRun): Promise<void> {
  const { campaign, files } = run;
  files.note({
    event: "started",
    at: wallLabel(),
    ...given({ plan: campaign.stamp.plan, meshproof: run.meshproof, commit: campaign.stamp.commit }),
  });
  try {
    files.note({ event: "stopped", at: wallLabel(), why: await measureLabs(run) });
  } catch (error) {
    files.note({
      event: "stopped",
      at: wallLabel(),
      why: "ended early",
      reason: firstLine(messageOf(error)),
    });
    throw error;
  }
}

async function measureLabs(run: CampaignRun): Promise<"nothing left" | "limit"> {
  const { campaign, files, world, signal, say } = run;
  const work = new CampaignWork(run);
  for (;;) {
    signal.throwIfAborted();
    const next = nextLab(campaign.schedule, files.soFar(), campaign.attempts);
    if (next === undefined) return "nothing left";
    if (work.isOver(work.durations().labMs + work.shortestMs(next))) return "limit";
    say(`lab ${next.lab} (setting ${next.setting}): ${runsIn(next.batches)} runs; ${work.outlook()}`);
    let endedMs = monotonicMs();
    await world.withFreshLab(next.setting, signal, async (lab, held) => {
      files.note({
        event: "lab created",
        at: wallLabel(),
        lab: next.lab,
        setting: next.setting,
        id: lab.id,
        ms: Math.round(lab.createdMs),
      });
      await work.measureIn(lab, next, held);
      endedMs = monotonicMs();
    });
    const ms = Math.round(monotonicMs() - endedMs);
    files.note({ event: "lab removed", at: wallLabel(), lab: next.lab, ms });
  }
}

const runsIn = (batches: readonly Batch[]): number => batches.reduce((sum, b) => sum + b.runs.length, 0);

/** The time that the rest of a campaign takes, as far as its runs are tried for the first time. */
export function remainingMs({ rows, schedule }: Campaign, files: CampaignFiles): number {
  const { done, failedAttempts } = files.soFar();
  const isOpen = (run: ScheduledRun): boolean => !done.has(keyOf(run)) && !failedAttempts.has(keyOf(run));
  const left = schedule
    .map((lab) => ({ ...lab, batches: onlyRuns(lab.batches, isOpen) }))
    .filter((lab) => lab.batches.length > 0);
  return labsMs(left, campaignDurations(rows, files));
}

export const campaignDurations = (
  rows: readonly ResolvedRow[],
  files: Pick<CampaignFiles, "entries">,
): Durations =>
  durationsOf(files.entries, (name) => (rows.find((row) => row.name === name)?.plan.seconds ?? 60) * 1000);

class CampaignWork {
  readonly #run: CampaignRun;
  readonly #total: number;
  /** Measurements that this command kept. */
  #kept = 0;
  /** Set-ups in a row that gave no figure. */
  #barren = 0;

  constructor(run: CampaignRun) {
    this.#run = run;
    this.#total = run.campaign.rows.reduce((sum, row) => sum + row.runs, 0);
  }

  durations(): Durations {
    return campaignDurations(this.#run.campaign.rows, this.#run.files);
  }

  /** The least that a lab must be used for. */
  shortestMs({ batches }: ScheduledLab): number {
    const durations = this.durations();
    return Math.min(
      ...batches.map((batch) => batchesMs([{ ...batch, runs: batch.runs.slice(0, 1) }], durations)),
    );
  }

  isOver(neededMs: number): boolean {
    const { untilMs, nowMs = monotonicMs } = this.#run;
    return untilMs !== undefined && nowMs() + neededMs > untilMs;
  }

  outlook(): string {
    const { campaign, files } = this.#run;
    const { done } = files.soFar();
    const ms = remainingMs(campaign, files);
    return `${done.size} of ${this.#total} measured, about ${roughly(ms)} left`;
  }

  /** Measures the batches of a lab; then, once, those of its runs that gave no figure that counts. */
  async measureIn(lab: FreshLab, visit: ScheduledLab, signal: AbortSignal): Promise<void> {
    if (!(await this.#measureAll(lab, visit, signal))) return;
    const { done, failedAttempts } = this.#run.files.soFar();
    const again = onlyRuns(
      visit.batches,
      (run) =>
        !done.has(keyOf(run)) &&
        (failedAttempts.get(keyOf(run)) ?? 0) < Math.min(2, this.#run.campaign.attempts),
    );
    if (again.length === 0) return;
    this.#run.say(`${runsIn(again)} runs of this lab gave no figure that counts: repeated once in it`);
    await this.#measureAll(lab, { ...visit, batches: merged(again) }, signal);
  }

  /** False if the lab must not be used any more: time is over, or a whole set-up gave no figure. */
  async #measureAll(lab: FreshLab, visit: ScheduledLab, signal: AbortSignal): Promise<boolean> {
    for (const batch of visit.batches) {
      if (this.isOver(0)) return false;
      const figures = await this.#measureBatch(lab, visit.lab, batch, signal);
      if (figures > 0) this.#barren = 0;
      else if (this.isOver(0)) return false;
      else return this.#giveUpLab(batch);
    }
    return true;
  }

  #giveUpLab({ suite }: Batch): false {
    this.#barren += 1;
    if (this.#barren >= mostBarren)
      throw new MeshproofError(
        "lab-broken",
        `suite ${suite}: the second set-up in a row without a single figure, in a fresh lab`,
        { remedy: "read the reports of its runs; then run the same command again, which resumes" },
      );
    this.#run.say(`suite ${suite} gave no figure: the rest of this lab is measured in a fresh one`);
    return false;
  }

  /** The number of measurements that the batch gave, spoiled ones included. */
  async #measureBatch(lab: FreshLab, number: number, batch: Batch, signal: AbortSignal): Promise<number> {
    const { files } = this.#run;
    const startedMs = monotonicMs();
    const reported = new Set<string>();
    let figures = 0;
    let runsMs = 0;
    const spoiled = await lab.measure(
      batch,
      (run, result) => {
        reported.add(keyOf(run));
        runsMs += result.ms;
        if (result.measurement !== undefined) figures += 1;
        this.#keep(run, result, { id: lab.id, number });
        return this.isOver(0) ? "stop" : "next";
      },
      signal,
    );
    if (spoiled.length > 0) files.spoiled(new Set(spoiled.map(keyOf)));
    // An interrupted run has not failed.
    signal.throwIfAborted();
    const ms = Math.max(0, Math.round(monotonicMs() - startedMs - runsMs));
    files.note({ event: "set-up", at: wallLabel(), lab: number, suite: batch.suite, ms });
    if (this.isOver(0)) return figures;
    for (const run of batch.runs.filter((r) => !reported.has(keyOf(r))))
      this.#note(run, number, {
        outcome: "no figure",
        ms: 0,
        reasons: ["its test did not run: see the errors of the suite's set-up"],
      });
    return figures;
  }

  #keep(run: ScheduledRun, result: RunResult, lab: { readonly id: string; readonly number: number }): void {
    const { files, say } = this.#run;
    const { measurement, losses, outcome, ms, reasons } = result;
    const kept = measurement === undefined ? undefined : this.#stamped({ ...measurement, outcome }, run, lab);
    const differs = kept === undefined ? undefined : this.#mixture(kept);
    const isKept = kept !== undefined && differs === undefined;
    if (isKept) files.keep(kept, losses);
    if (isKept) this.#kept += 1;
    const noted = isKept ? outcome : "no figure";
    const troubles = isKept ? kept.machineTroubles : [differs ?? outcome];
    this.#note(run, lab.number, { outcome: noted, ms, reasons: [...troubles, ...reasons] });
    const spoiled =
      isKept && !counts(kept) ? `, spoiled by the test machine: ${troubles[0] ?? "see its report"}` : "";
    say(`${run.row}, run ${run.run}, lab ${lab.number}: ${noted}${spoiled}; ${this.outlook()}`);
  }

  #stamped(
    measurement: Measurement,
    { row, run }: ScheduledRun,
    lab: { readonly id: string; readonly number: number },
  ): CampaignMeasurement {
    const { source, seed, stamp, rows } = this.#run.campaign;
    const kept: CampaignMeasurement = {
      ...measurement,
      lab: measurement.lab ?? lab.id,
      sourceHash: measurement.sourceHash ?? source.hash,
      sourceTree: measurement.sourceTree ?? source.tree,
      seed,
      campaign: { ...stamp, row, run, lab: lab.number },
    };
    requireRow(kept, rows);
    return kept;
  }

  /**
   * Why a measurement cannot stand beside the earlier ones. Thrown for the first of a command: it measures in another
   * setting, and would give no other. Later it is a single run that differs, for example without real-time scheduling.
   */
  #mixture(kept: CampaignMeasurement): string | undefined {
    const { files, campaign } = this.#run;
    try {
      refuseMixture(files.measurements, kept, campaign.newPart);
      return undefined;
    } catch (error) {
      if (this.#kept === 0) throw error;
      return messageOf(error);
    }
  }

  #note(
    { row, run }: ScheduledRun,
    lab: number,
    {
      outcome,
      ms,
      reasons,
    }: {
      readonly outcome: "pass" | "fail" | "unknown" | "no figure";
      readonly ms: number;
      readonly reasons: readonly string[];
    },
  ): void {
    this.#run.files.note({
      event: "run",
      at: wallLabel(),
      lab,
      row,
      run,
      outcome,
      ms: Math.round(ms),
      ...(reasons.length === 0 ? {} : { reasons: reasons.map(firstLine) }),
    });
  }
}

/** Whole messages are in the report of the run. */
const firstLine = (text: string): string => (text.split("\n")[0] ?? "").slice(0, 300);

/** Throws `value-missing` if a test measured something else than its row says. */
function requireRow(m: CampaignMeasurement, rows: readonly ResolvedRow[]): void {
  const row = rows.find(({ name }) => name === m.campaign.row)?.plan;
  const { scenario, affinity, application } = m;
  const differs =
    row?.scenario !== scenario ||
    row.affinity !== affinity ||
    (application !== undefined && row.application !== application);
  if (differs)
    throw new MeshproofError(
      "value-missing",
      `row "${m.campaign.row}" got a measurement of ${scenario}, affinity ${affinity}, application ${application ?? "not named"}`,
      { remedy: "name the row's suite, or report a defect of Meshproof" },
    );
}
