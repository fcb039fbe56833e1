import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { currentStep, isUserInterrupt, saysAborted, stepOf, unsuppressed } from "#harness/lib/ending.ts";
import { describeError, MeshproofError, messageOf } from "#harness/lib/errors.ts";
import {
  exitCodeOf,
  type RunRecord,
  type SuiteRecord,
  type TestRecord,
  totalsOf,
} from "#harness/model/record.ts";
import { kernelRelease } from "#harness/platform/machine.ts";
import { appendToReport, writeReportFile } from "#harness/platform/report-files.ts";
import { toJunit } from "#harness/report/junit.ts";
import { toMarkdown } from "#harness/report/markdown.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import type { Shard } from "#harness/testkit/shard.ts";
import { shardRecord } from "./shard-record.ts";
import { junitProperties, writeReport } from "./write-report.ts";

export interface RunReportOptions {
  /** A command line that reproduces the run. */
  readonly command: string;
  readonly meshproof: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Called once when only clean-up is left. */
  readonly onTested: () => void;
}

/** Why a command ended early. */
interface Ending {
  readonly step: string;
  readonly error: unknown;
}

/** Name of the suite that holds the endings, and what else is wrong beside the tests. */
export const suiteName = "meshproof";

/**
 * The report of one `run` or `test`, from argument parsing on. However the command ends, `close` writes a `junit.xml`,
 * a `report.json` and `reports/latest` with the results so far and one error element per problem.
 */
export class RunReport {
  readonly runId = newRunId();
  readonly dir = join(reportsDir(), this.runId);
  readonly #options: RunReportOptions;
  readonly #startedMs = monotonicMs();
  readonly #endings: Ending[] = [];
  #shard: Pick<RunRecord, "shard"> = {};
  #lab = { lab: "default", profile: "unknown" };
  #soFar: (() => RunRecord) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #began = false;
  #summary: string | undefined;
  #series: string | undefined;

  constructor(options: RunReportOptions) {
    this.#options = options;
    const { signal } = options;
    // At once, because a CI system kills a cancelled job within seconds, before clean-up is done.
    signal.addEventListener("abort", () => {
      const timedOut = signal.reason instanceof MeshproofError && signal.reason.code === "timeout";
      const step = timedOut ? "timeout" : isUserInterrupt(signal) ? "interrupted" : currentStep();
      this.#endings.push({ step, error: signal.reason });
      if (this.#began) this.#write();
    });
  }

  /** Called after argument parsing. The report written here remains if the process is killed. */
  async begin(): Promise<void> {
    this.#began = true;
    try {
      const record = this.#blank();
      await mkdir(this.dir, { recursive: true });
      const junit = toJunit({ ...record, suites: this.unfinished(), properties: junitProperties(record) });
      await writeReportFile(join(this.dir, "junit.xml"), junit);
    } catch (error) {
      throw new MeshproofError(
        "usage",
        `the report folder ${this.dir} cannot be written: ${messageOf(error)}`,
        {
          remedy: "free the path, or set MESHPROOF_REPORTS to a folder that this user can write to",
          cause: error,
        },
      );
    }
  }

  /** The series whose figures the closing lines show; undefined until the tests are over. */
  get series(): string | undefined {
    return this.#series;
  }

  /** Path of the Markdown summary; already checked to be writable. */
  summaryTo(path: string): void {
    this.#summary = path;
  }

  /** Data of the lab before it is reached. */
  about(lab: { readonly lab: string; readonly profile: string }): void {
    this.#lab = { lab: lab.lab, profile: lab.profile };
  }

  /** The part of a run that this is; one that ends early must not be missed when the parts are merged. */
  partOf(shard: Shard | undefined): void {
    this.#shard = shardRecord(shard);
  }

  /** After this call the report contains what `soFar` returns at each write. */
  follow(soFar: () => RunRecord): void {
    this.#soFar = soFar;
  }

  /** Called when the tests are over and clean-up begins. */
  tested(record: RunRecord, series: string | undefined): void {
    this.#series = series;
    this.#soFar = () => record;
    this.#options.onTested();
  }

  /** The endings as a suite; none as long as nothing ended the command early. */
  endings(): SuiteRecord[] {
    return this.#endings.length === 0 ? [] : [this.#suite(this.#endings)];
  }

  /** The same for the file that remains if the process is killed. */
  unfinished(): SuiteRecord[] {
    const error = new Error("the command was killed before it could report its end");
    return this.#endings.length > 0 ? this.endings() : [this.#suite([{ step: currentStep(), error }])];
  }

  /** Adds the endings to a record, and sets its totals and exit code. */
  withEndings(record: RunRecord): RunRecord {
    const own = record.suites.filter((s) => s.name !== suiteName);
    const [ending] = this.endings();
    if (ending === undefined) return record;
    const counted = totalsOf([...record.suites.filter((s) => s.name === suiteName)]);
    const added = totalsOf([ending]);
    const totals = {
      ...record.totals,
      fail: record.totals.fail - counted.fail + added.fail,
      unknown: record.totals.unknown - counted.unknown + added.unknown,
    };
    return { ...record, suites: [...own, ending], totals, exitCode: this.#exitCode(totals) };
  }

  /**
   * Called last: on return the report contains the command's error, if any, and the interruptions. An error that only
   * says that the work was aborted is not a second ending.
   */
  async close(error?: unknown): Promise<RunRecord> {
    if (error !== undefined)
      for (const one of unsuppressed(error))
        if (!saysAborted(one, this.#options.signal)) this.#endings.push({ step: stepOf(one), error: one });
    const record = this.#record();
    if (this.#endings.length === 0) return record;
    this.#write();
    await this.#writing;
    await writeSummaries(record, this.#summary, this.#options.say);
    return record;
  }

  #record(): RunRecord {
    return this.withEndings(this.#soFar?.() ?? this.#blank());
  }

  #write(): void {
    this.#writing = this.#writing
      .then(async () => void (await writeReport(this.dir, this.#record())))
      .catch((error: unknown) => this.#options.say(`the report cannot be written: ${messageOf(error)}`));
  }

  #exitCode(totals: RunRecord["totals"]): number {
    if (isUserInterrupt(this.#options.signal)) return 130;
    const byTests = exitCodeOf(totals);
    if (byTests === 1) return 1;
    const codes = this.#endings.map(({ error }) => exitCodeOfError(error));
    // A failure takes precedence over a --timeout during the clean-up after it.
    return codes.find((c) => c !== 3) ?? 3;
  }

  #suite(endings: readonly Ending[]): SuiteRecord {
    return {
      name: suiteName,
      goal: "The command completes.",
      method: "Anything that ends it early is an error of the step that was running.",
      tests: endings.map((e) => testOf(e, monotonicMs() - this.#startedMs)),
      errors: [],
      durationMs: monotonicMs() - this.#startedMs,
    };
  }

  /** A run of which only the command line is known. */
  #blank(): RunRecord {
    return {
      schema: 1,
      runId: this.runId,
      startedAt: wallLabel(),
      durationMs: monotonicMs() - this.#startedMs,
      command: this.#options.command,
      ...this.#lab,
      fault: null,
      ...this.#shard,
      kernel: kernelRelease(),
      meshproof: this.#options.meshproof,
      imageSource: "none",
      imageReason: "no lab was reached",
      clusters: [],
      provenance: [],
      budgets: {},
      suites: [],
      totals: totalsOf([]),
      exitCode: 3,
    };
  }
}

const exitCodeOfError = (error: unknown): number => (error instanceof MeshproofError ? error.exitCode : 3);

function testOf({ step, error }: Ending, durationMs: number): TestRecord {
  const typed = error instanceof MeshproofError ? error : undefined;
  return {
    suite: suiteName,
    name: step,
    // If the exit code says that the mesh failed, the counts must too.
    outcome: exitCodeOfError(error) === 1 ? "fail" : "unknown",
    reasons: [describeError(error)],
    durationMs,
    notes: {},
    error: {
      code: typed?.code ?? "unexpected",
      ...(typed?.remedy === undefined ? {} : { remedy: typed.remedy }),
    },
  };
}

/** Writes the requested Markdown summaries. A failed write is only a warning, because the verdict is known. */
export async function writeSummaries(
  record: RunRecord,
  summary: string | undefined,
  say: (line: string) => void,
): Promise<void> {
  const step = process.env.GITHUB_STEP_SUMMARY;
  const attempts: [string, () => Promise<void>][] = [];
  if (summary !== undefined) attempts.push([summary, () => writeReportFile(summary, toMarkdown(record))]);
  if (step !== undefined && step !== "")
    attempts.push([`${step} (GITHUB_STEP_SUMMARY)`, () => appendToReport(step, toMarkdown(record))]);
  for (const [path, write] of attempts)
    await write().catch((error: unknown) =>
      say(`warning: could not write the summary to ${path}: ${messageOf(error)}`),
    );
}
