import { basename } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestRunEndReason } from "vitest/node";
import { judgeErrors } from "#harness/judge/blame.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { isTestMachineError } from "#harness/lib/errors.ts";
import type { SuiteRecord, TestNotes, TestRecord } from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import type { TestInfo } from "../define-suite.ts";
import type { ListedSuite } from "../suite-list.ts";

/** An output of a run in progress: console, JUnit or events. Receives every record as soon as it is judged. */
export interface RunOutput {
  suiteStarted?(suite: SuiteRecord): void;
  testEnded?(test: TestRecord, suites: readonly SuiteRecord[]): Promise<void> | void;
  suiteEnded?(
    suite: SuiteRecord,
    errors: readonly string[],
    suites: readonly SuiteRecord[],
  ): Promise<void> | void;
  /** At the end of the run: waits for pending writes. */
  ended?(): Promise<void>;
}

export interface RecordOptions {
  /** Descriptions of the suites and their tests. */
  readonly suites: readonly ListedSuite[];
  readonly clusters: readonly string[];
  readonly repeat: number;
  readonly outputs: readonly RunOutput[];
  /** The last word on a test: what the lists of the repository and `--accept` make of its outcome. */
  readonly verdict?: (test: TestRecord) => TestRecord;
  /** Whether the user ended the run: unfinished tests have not failed then. */
  readonly interrupted?: () => boolean;
  /** Disturbances of the test machine between two times on the monotonic clock. */
  readonly disturbances?: (sinceMs: number, untilMs: number) => readonly string[];
  /** Parts of such an interval without a sample of the test machine. */
  readonly unsampled?: (sinceMs: number, untilMs: number) => readonly string[];
}

/** A test as vitest reported it, kept to be judged again because some disturbances show only later. */
interface Ended {
  readonly record: TestRecord;
  readonly errors: readonly unknown[];
  /** Trouble of the test machine that its probers show. */
  readonly control: readonly string[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface Module {
  record: SuiteRecord;
  readonly startedMs: number;
  readonly ended: Map<string, Ended>;
  /** Errors of set-up and clean-up, and the earliest time at which they can have occurred. */
  errors: readonly unknown[];
  errorsSinceMs: number;
}

/** Judges what vitest reports, and passes the records to the run's outputs. */
export class RecordReporter implements Reporter {
  readonly #options: RecordOptions;
  readonly #modules = new Map<string, Module>();
  readonly #order: string[] = [];
  /** Errors outside any suite, and those of them caused by the test machine. */
  runErrors: string[] = [];
  runUnknowns: string[] = [];

  constructor(options: RecordOptions) {
    this.#options = options;
  }

  get suites(): SuiteRecord[] {
    return this.#order.flatMap((id) => this.#modules.get(id)?.record ?? []);
  }

  onTestModuleQueued(module: TestModule): void {
    const info = this.#listed(module)?.info;
    const record: SuiteRecord = {
      name: info?.name ?? basename(module.moduleId).replace(/\.suite\.ts$/, ""),
      goal: info?.goal ?? "",
      method: info?.method ?? "",
      ...(info === undefined ? {} : { failureMeans: info.failureMeans, tags: [...info.tags] }),
      tests: [],
      errors: [],
      durationMs: 0,
    };
    this.#order.push(module.moduleId);
    this.#modules.set(module.moduleId, {
      record,
      startedMs: monotonicMs(),
      ended: new Map(),
      errors: [],
      errorsSinceMs: 0,
    });
    for (const output of this.#options.outputs) output.suiteStarted?.(record);
  }

  async onTestCaseResult(test: TestCase): Promise<void> {
    const entry = this.#modules.get(test.module.moduleId);
    if (entry === undefined) return;
    const raw = this.#unlessInterrupted(test, recordOf(test, entry.record.name));
    const untilMs = monotonicMs();
    const { spec } = this.#test(test) ?? {};
    const ended: Ended = {
      record: { ...raw, ...(spec === undefined ? {} : { spec }) },
      errors: errorsOf(test),
      control: test.meta().controlTroubles ?? [],
      sinceMs: untilMs - raw.durationMs,
      untilMs,
    };
    entry.ended.set(raw.name, ended);
    const record = this.#final(ended);
    // A run that is cancelled reports its open tests twice.
    const others = entry.record.tests.filter((t) => t.name !== record.name);
    entry.record = { ...entry.record, tests: [...others, record] };
    await Promise.all(this.#options.outputs.map((o) => o.testEnded?.(record, this.suites)));
  }

  async onTestModuleEnd(module: TestModule): Promise<void> {
    const entry = this.#modules.get(module.moduleId);
    if (entry === undefined) return;
    const nested = [...module.children.allSuites()].flatMap((s) => s.errors());
    const raw = [...module.errors(), ...nested];
    const errors = raw.map(describe);
    entry.errors = raw;
    // If tests ran, the set-up had succeeded, and disturbances during the tests do not excuse the clean-up.
    const ran = [...entry.ended.values()].filter(({ record: { outcome } }) => outcome !== "skipped");
    entry.errorsSinceMs = Math.max(
      entry.startedMs,
      ...(nested.length > 0 ? [] : ran.map(({ untilMs }) => untilMs)),
    );
    entry.record = this.#withSetUpJudged(entry, {
      ...entry.record,
      errors,
      durationMs: monotonicMs() - entry.startedMs,
    });
    await Promise.all(this.#options.outputs.map((o) => o.suiteEnded?.(entry.record, errors, this.suites)));
  }

  async onTestRunEnd(
    _modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    _reason: TestRunEndReason,
  ): Promise<void> {
    // Their time is unknown, so host samples cannot excuse them.
    this.runErrors.push(...unhandled.filter((e) => !isTestMachineError(e)).map(describe));
    this.runUnknowns.push(...unhandled.filter(isTestMachineError).map(describe));
    // Some disturbances show only later: a stopping daemon still answers while its containers end.
    for (const entry of this.#modules.values()) {
      const tests = entry.record.tests.map((t) => {
        const ended = entry.ended.get(t.name);
        return ended === undefined ? t : this.#final(ended);
      });
      entry.record = this.#withSetUpJudged(entry, { ...entry.record, tests });
    }
    await Promise.all(this.#options.outputs.map((o) => o.ended?.()));
  }

  #listed(module: TestModule): ListedSuite | undefined {
    return this.#options.suites.find((s) => s.file === module.moduleId);
  }

  #test(test: TestCase): TestInfo | undefined {
    return this.#listed(test.module)
      ?.tests(this.#options)
      .find((t) => t.title === test.fullName);
  }

  /** An interrupt may have aborted the test or its set-up. */
  #unlessInterrupted(test: TestCase, record: TestRecord): TestRecord {
    const { state, errors = [] } = test.result();
    const cutOff = state === "failed" && errors.every((e) => (e as { code?: unknown }).code === "aborted");
    // vitest's note on a test that never began says that the user aborted the run, whatever the cause.
    const neverBegan =
      state === "skipped" && record.outcome === "skipped" && record.notes.skipped === undefined;
    return (cutOff || neverBegan) && this.#options.interrupted?.() === true
      ? { ...record, outcome: "skipped", reasons: ["interrupted"] }
      : record;
  }

  /** Outputs get no other record of a test than this. */
  #final(ended: Ended): TestRecord {
    const record = this.#judged(ended);
    return this.#options.verdict?.(record) ?? record;
  }

  /** A verdict is unknown if the test machine was disturbed. The errors' messages are kept. */
  #judged({ record, errors, control, sinceMs, untilMs }: Ended): TestRecord {
    if (record.outcome !== "pass" && record.outcome !== "fail") return record;
    const host = this.#options.disturbances?.(sinceMs, untilMs) ?? [];
    const unsampled = this.#options.unsampled?.(sinceMs, untilMs) ?? [];
    const { outcome, reasons } = judgeErrors(errors, { host, unsampled, control });
    const judged = { ...record, outcome, reasons: [...reasons, ...record.reasons] };
    // Reasons of its own make it unknown: then the figures are spoiled too, whatever their verdict was.
    return outcome === "unknown" && reasons.length > 0 ? withSpoiledFigures(judged) : judged;
  }

  /** A set-up or clean-up that failed because of the test machine is a separate unknown test of the suite. */
  #withSetUpJudged({ errors, errorsSinceMs, startedMs }: Module, record: SuiteRecord): SuiteRecord {
    if (record.errors.length === 0) return record;
    const host = this.#options.disturbances?.(errorsSinceMs, startedMs + record.durationMs) ?? [];
    const { outcome, reasons } = judgeErrors(errors, { host, control: [] });
    if (outcome !== "unknown") return record;
    const unknown: TestRecord = {
      suite: record.name,
      name: "set-up and clean-up",
      outcome,
      reasons: [...reasons, ...record.errors],
      durationMs: record.durationMs,
      notes: {},
    };
    return { ...record, errors: [], tests: [...record.tests, unknown] };
  }
}

function withSpoiledFigures(record: TestRecord): TestRecord {
  const { measurement } = record.notes;
  if (measurement?.undecided === undefined) return record;
  const { undecided: _, ...spoiled } = measurement;
  return { ...record, notes: { ...record.notes, measurement: spoiled } };
}

const errorsOf = (test: TestCase): readonly unknown[] => {
  const result = test.result();
  if (result.state !== "failed") return [];
  // A failure without an error must count too.
  return result.errors.length > 0 ? result.errors : [new Error("vitest reported a failure without an error")];
};

function recordOf(test: TestCase, suite: string): TestRecord {
  const result = test.result();
  const errors = result.state === "failed" ? result.errors : [];
  const notes = test.meta().meshproof ?? {};
  let outcome: Outcome;
  if (result.state === "passed") outcome = "pass";
  else if (result.state === "skipped") outcome = notes.unsupported === undefined ? "skipped" : "unsupported";
  else outcome = "fail";
  return {
    suite,
    name: test.fullName,
    outcome,
    reasons: result.state === "skipped" ? whySkipped(notes, result.note) : errors.map(describe),
    durationMs: test.diagnostic()?.duration ?? 0,
    notes,
  };
}

/** vitest's note is that of a test that skipped itself, or of a cancelled run. */
function whySkipped({ unsupported, skipped }: TestNotes, note: string | undefined): string[] {
  if (unsupported !== undefined) return [`${unsupported.capability}: ${unsupported.reason}`];
  return [skipped ?? note ?? ""].filter((reason) => reason !== "");
}

function describe(error: SerializedError | { message: string }): string {
  const remedy = (error as { remedy?: unknown }).remedy;
  return `${error.message}${typeof remedy === "string" ? ` (remedy: ${remedy})` : ""}`;
}
