import { basename } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestRunEndReason } from "vitest/node";
import { monotonicMs } from "#harness/lib/clock.ts";
import { isRigCode } from "#harness/lib/errors.ts";
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
  /** What disturbed the rig between two times on the monotonic clock. */
  readonly disturbances?: (sinceMs: number, untilMs: number) => readonly string[];
}

/** Judges what vitest tells into records, and hands them to the run's outputs. */
export class RecordReporter implements Reporter {
  readonly #options: RecordOptions;
  readonly #modules = new Map<string, { record: SuiteRecord; startedMs: number }>();
  readonly #order: string[] = [];
  readonly #times = new Map<string, { readonly sinceMs: number; readonly untilMs: number }>();
  runErrors: string[] = [];

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
    this.#modules.set(module.moduleId, { record, startedMs: monotonicMs() });
    for (const output of this.#options.outputs) output.suiteStarted?.(record);
  }

  async onTestCaseResult(test: TestCase): Promise<void> {
    const entry = this.#modules.get(test.module.moduleId);
    if (entry === undefined) return;
    const raw = this.#unlessInterrupted(test, recordOf(test, entry.record.name));
    const untilMs = monotonicMs();
    this.#times.set(`${raw.suite} > ${raw.name}`, { sinceMs: untilMs - raw.durationMs, untilMs });
    const { spec } = this.#test(test) ?? {};
    const record = this.#unlessDisturbed({ ...raw, ...(spec === undefined ? {} : { spec }) });
    // A run that is cancelled reports its open tests twice.
    const others = entry.record.tests.filter((t) => t.name !== record.name);
    entry.record = { ...entry.record, tests: [...others, record] };
    await Promise.all(this.#options.outputs.map((o) => o.testEnded?.(record, this.suites)));
  }

  async onTestModuleEnd(module: TestModule): Promise<void> {
    const entry = this.#modules.get(module.moduleId);
    if (entry === undefined) return;
    const errors = [...module.errors(), ...[...module.children.allSuites()].flatMap((s) => s.errors())].map(
      describe,
    );
    const untilMs = monotonicMs();
    entry.record = this.#unlessSetUpDisturbed(
      { ...entry.record, errors, durationMs: untilMs - entry.startedMs },
      untilMs,
    );
    await Promise.all(this.#options.outputs.map((o) => o.suiteEnded?.(entry.record, errors, this.suites)));
  }

  async onTestRunEnd(
    _modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    _reason: TestRunEndReason,
  ): Promise<void> {
    this.runErrors = unhandled.map(describe);
    // Some disturbances show only later: a daemon that is ending still answers while its containers go.
    for (const entry of this.#modules.values())
      entry.record = this.#unlessSetUpDisturbed(
        { ...entry.record, tests: entry.record.tests.map((t) => this.#unlessDisturbed(t)) },
        entry.startedMs + entry.record.durationMs,
      );
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
    const cutOff = errors.every((e) => (e as { code?: unknown }).code === "aborted");
    return state === "failed" && cutOff && this.#options.interrupted?.() === true
      ? { ...record, outcome: "skipped", reasons: ["interrupted"] }
      : record;
  }

  /** A verdict that the rig spoiled is unknown, whichever way it went: nothing was learnt of the mesh. */
  #unlessDisturbed(record: TestRecord): TestRecord {
    const times = this.#times.get(`${record.suite} > ${record.name}`);
    if (times === undefined || (record.outcome !== "pass" && record.outcome !== "fail")) return record;
    const found = this.#options.disturbances?.(times.sinceMs, times.untilMs) ?? [];
    if (found.length === 0) return record;
    return { ...record, outcome: "unknown", reasons: [...found.map(rigReason), ...record.reasons] };
  }

  /** A set-up or clean-up that failed while the rig was disturbed is an unknown of its own. */
  #unlessSetUpDisturbed(record: SuiteRecord, untilMs: number): SuiteRecord {
    if (record.errors.length === 0) return record;
    const found = this.#options.disturbances?.(untilMs - record.durationMs, untilMs) ?? [];
    if (found.length === 0) return record;
    const unknown: TestRecord = {
      suite: record.name,
      name: "set-up and clean-up",
      outcome: "unknown",
      reasons: [...found.map(rigReason), ...record.errors],
      durationMs: record.durationMs,
      notes: {},
    };
    return { ...record, errors: [], tests: [...record.tests, unknown] };
  }
}

const rigReason = (text: string): string => `the rig was disturbed: ${text}`;

function recordOf(test: TestCase, suite: string): TestRecord {
  const result = test.result();
  const errors = result.state === "failed" ? result.errors : [];
  const notes = test.meta().meshproof ?? {};
  let outcome: Outcome;
  if (result.state === "passed") outcome = "pass";
  else if (result.state === "skipped") outcome = notes.unsupported === undefined ? "skipped" : "unsupported";
  else
    outcome =
      errors.length > 0 && errors.every((e) => isRigCode((e as { code?: unknown }).code))
        ? "unknown"
        : "fail";
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
  const cure = (error as { cure?: unknown }).cure;
  return `${error.message}${typeof cure === "string" ? ` (cure: ${cure})` : ""}`;
}
