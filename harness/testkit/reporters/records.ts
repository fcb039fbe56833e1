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

/** What a run leaves while it goes: console, JUnit, events. Each gets every record as soon as it was judged. */
export interface RunOutput {
  suiteStarted?(suite: SuiteRecord): void;
  testEnded?(test: TestRecord, suites: readonly SuiteRecord[]): Promise<void> | void;
  suiteEnded?(
    suite: SuiteRecord,
    errors: readonly string[],
    suites: readonly SuiteRecord[],
  ): Promise<void> | void;
  /** The run is over: what is still to be written is waited for. */
  ended?(): Promise<void>;
}

export interface RecordOptions {
  /** What the suites and their tests say of themselves. */
  readonly suites: readonly ListedSuite[];
  readonly clusters: readonly string[];
  readonly repeat: number;
  readonly outputs: readonly RunOutput[];
  /** Whether the user ended the run: what had no answer by then has not failed. */
  readonly interrupted?: () => boolean;
  /** What disturbed the test machine between two times on the monotonic clock. */
  readonly disturbances?: (sinceMs: number, untilMs: number) => readonly string[];
}

/** A test as vitest told of it, kept to be judged again: some disturbances show only later. */
interface Ended {
  readonly record: TestRecord;
  readonly errors: readonly unknown[];
  /** What its own probers tell against the test machine. */
  readonly control: readonly string[];
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface Module {
  record: SuiteRecord;
  readonly startedMs: number;
  readonly ended: Map<string, Ended>;
  /** Of set-up and clean-up, and since when they may have come. */
  errors: readonly unknown[];
  errorsSinceMs: number;
}

/** Judges what vitest tells into records, and hands them to the run's outputs. */
export class RecordReporter implements Reporter {
  readonly #options: RecordOptions;
  readonly #modules = new Map<string, Module>();
  readonly #order: string[] = [];
  /** Errors outside any suite, and those of them that are the test machine's. */
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
    const record = this.#judged(ended);
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
    // Where tests ran, the set-up had ended well: what the machine did during them is no excuse of the clean-up.
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
    // Nobody knows when they came: no sample of the host can be held against them.
    this.runErrors.push(...unhandled.filter((e) => !isTestMachineError(e)).map(describe));
    this.runUnknowns.push(...unhandled.filter(isTestMachineError).map(describe));
    // Some disturbances show only later: a daemon that is ending still answers while its containers go.
    for (const entry of this.#modules.values()) {
      const tests = entry.record.tests.map((t) => {
        const ended = entry.ended.get(t.name);
        return ended === undefined ? t : this.#judged(ended);
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

  /** A test whose set-up, or itself, an interrupt cut off. */
  #unlessInterrupted(test: TestCase, record: TestRecord): TestRecord {
    const { state, errors = [] } = test.result();
    const cutOff = state === "failed" && errors.every((e) => (e as { code?: unknown }).code === "aborted");
    // vitest says of a test that never began that its user aborted the run, whatever did.
    const neverBegan =
      state === "skipped" && record.outcome === "skipped" && record.notes.skipped === undefined;
    return (cutOff || neverBegan) && this.#options.interrupted?.() === true
      ? { ...record, outcome: "skipped", reasons: ["interrupted"] }
      : record;
  }

  /** A verdict that the test machine spoiled is unknown: nothing was learnt of the mesh. The errors' own messages stay. */
  #judged({ record, errors, control, sinceMs, untilMs }: Ended): TestRecord {
    if (record.outcome !== "pass" && record.outcome !== "fail") return record;
    const host = this.#options.disturbances?.(sinceMs, untilMs) ?? [];
    const { outcome, reasons } = judgeErrors(errors, { host, control });
    return { ...record, outcome, reasons: [...reasons, ...record.reasons] };
  }

  /** A set-up or clean-up that the test machine made fail is an unknown of its own, beside the suite's tests. */
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

const errorsOf = (test: TestCase): readonly unknown[] => {
  const result = test.result();
  if (result.state !== "failed") return [];
  // A failure that tells no error is one nevertheless.
  return result.errors.length > 0 ? result.errors : [new Error("vitest tells no error")];
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

/** vitest's own note is that of a test that skipped itself, or of a run that was cancelled. */
function whySkipped({ unsupported, skipped }: TestNotes, note: string | undefined): string[] {
  if (unsupported !== undefined) return [`${unsupported.capability}: ${unsupported.reason}`];
  return [skipped ?? note ?? ""].filter((reason) => reason !== "");
}

function describe(error: SerializedError | { message: string }): string {
  const remedy = (error as { remedy?: unknown }).remedy;
  return `${error.message}${typeof remedy === "string" ? ` (remedy: ${remedy})` : ""}`;
}
