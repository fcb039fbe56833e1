import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestRunEndReason } from "vitest/node";
import { judgeErrors } from "#harness/judge/blame.ts";
import { formatMs, monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { isTestMachineError, messageOf } from "#harness/lib/errors.ts";
import { printable } from "#harness/lib/visible.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import { appendToReport, writeReportFile } from "#harness/platform/report-files.ts";
import { toJunit } from "#harness/report/junit.ts";

export interface ReporterOptions {
  readonly runId: string;
  readonly runDir: string;
  readonly startedAt: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
  /** Called with each test as soon as it was judged. */
  readonly onTest?: (test: TestRecord) => void;
  /** Whether the user ended the run: what had no answer by then has not failed. */
  readonly interrupted?: () => boolean;
  /** What stands for the rest of the command in `junit.xml` while it is not over. */
  readonly unfinished?: () => readonly SuiteRecord[];
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

/** Collects what the suites say; `junit.xml` and `events.jsonl` are written as it goes. */
export class MeshproofReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #modules = new Map<string, Module>();
  readonly #order: string[] = [];
  #writing: Promise<void> = Promise.resolve();
  #writeTrouble = false;
  /** Errors outside any suite, and those of them that are the test machine's. */
  runErrors: string[] = [];
  runUnknowns: string[] = [];

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  get suites(): SuiteRecord[] {
    return this.#order.map((id) => this.#modules.get(id)!.record);
  }

  async onTestModuleQueued(module: TestModule): Promise<void> {
    const [goal, method] = await headline(module.moduleId);
    this.#order.push(module.moduleId);
    this.#modules.set(module.moduleId, {
      record: {
        name: basename(module.moduleId).replace(/\.test\.ts$/, ""),
        goal,
        method,
        tests: [],
        errors: [],
        durationMs: 0,
      },
      startedMs: monotonicMs(),
      ended: new Map(),
      errors: [],
      errorsSinceMs: 0,
    });
    this.#event({ event: "suite-start", suite: basename(module.moduleId) });
    this.#options.say(`${basename(module.moduleId).replace(/\.test\.ts$/, "")}: ${goal}`);
  }

  onTestCaseResult(test: TestCase): Promise<void> {
    const entry = this.#modules.get(test.module.moduleId);
    if (entry === undefined) return Promise.resolve();
    const raw = this.#unlessInterrupted(test, recordOf(test, entry.record.name));
    const untilMs = monotonicMs();
    const ended: Ended = {
      record: raw,
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
    this.#options.onTest?.(record);
    this.#event({ event: "test", ...record, notes: { ...record.notes, healthCells: undefined } });
    const word = {
      pass: "pass",
      fail: "FAIL",
      unknown: "UNKNOWN",
      unsupported: "unsupported",
      skipped: "skipped",
    }[record.outcome];
    this.#options.say(
      `  ${word.padEnd(11)} ${record.name} (${formatMs(record.durationMs)})${record.reasons.map((r) => `\n              ${r.replaceAll("\n", "\n              ")}`).join("")}`,
    );
    return this.#writeJunit();
  }

  onTestModuleEnd(module: TestModule): Promise<void> {
    const entry = this.#modules.get(module.moduleId);
    if (entry === undefined) return Promise.resolve();
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
    const word = entry.record.errors.length === 0 ? "UNKNOWN" : "ERROR  ";
    for (const error of errors) this.#options.say(`  ${word}     set-up or clean-up: ${error}`);
    this.#event({ event: "suite-end", suite: entry.record.name, errors });
    return this.#writeJunit();
  }

  async onTestRunEnd(
    _modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    _reason: TestRunEndReason,
  ): Promise<void> {
    // Nobody knows when they came: no sample of the host can be held against them.
    this.runErrors = unhandled.filter((e) => !isTestMachineError(e)).map(describe);
    this.runUnknowns = unhandled.filter(isTestMachineError).map(describe);
    // Some disturbances show only later: a daemon that is ending still answers while its containers go.
    for (const entry of this.#modules.values()) {
      const tests = entry.record.tests.map((t) => {
        const ended = entry.ended.get(t.name);
        return ended === undefined ? t : this.#judged(ended);
      });
      entry.record = this.#withSetUpJudged(entry, { ...entry.record, tests });
    }
    await this.#writing;
  }

  /** A test whose set-up, or itself, an interrupt cut off. */
  #unlessInterrupted(test: TestCase, record: TestRecord): TestRecord {
    const { state, errors = [] } = test.result();
    const cutOff = errors.every((e) => (e as { code?: unknown }).code === "aborted");
    return state === "failed" && cutOff && this.#options.interrupted?.() === true
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

  #event(event: Record<string, unknown>): void {
    this.#queue(() =>
      appendToReport(
        join(this.#options.runDir, "events.jsonl"),
        `${printable(JSON.stringify({ at: wallLabel(), ...event }))}\n`,
      ),
    );
  }

  #writeJunit(): Promise<void> {
    return this.#queue(() =>
      writeReportFile(
        join(this.#options.runDir, "junit.xml"),
        toJunit({
          runId: this.#options.runId,
          startedAt: this.#options.startedAt,
          suites: [...this.suites, ...(this.#options.unfinished?.() ?? [])],
          properties: this.#options.properties,
        }),
      ),
    );
  }

  #queue(work: () => Promise<void>): Promise<void> {
    // A full disk must not end the run: it is said once, and the verdicts are unknown by the host's own samples.
    this.#writing = this.#writing.then(work).catch((error: unknown) => {
      if (!this.#writeTrouble) this.#options.say(`  the report cannot be written: ${messageOf(error)}`);
      this.#writeTrouble = true;
    });
    return this.#writing;
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
  const note = result.state === "skipped" ? (result.note ?? "") : "";
  let outcome: Outcome;
  if (result.state === "passed") outcome = "pass";
  else if (result.state === "skipped") outcome = note.startsWith("unsupported: ") ? "unsupported" : "skipped";
  else outcome = "fail";
  return {
    suite,
    name: test.fullName,
    outcome,
    reasons: note === "" ? errors.map(describe) : [note.replace(/^unsupported: /, "")],
    durationMs: test.diagnostic()?.duration ?? 0,
    notes: test.meta().meshproof ?? {},
  };
}

function describe(error: SerializedError | { message: string }): string {
  const cure = (error as { cure?: unknown }).cure;
  return `${error.message}${typeof cure === "string" ? ` (cure: ${cure})` : ""}`;
}

/** The suite's opening: one sentence of goal, one of method. */
async function headline(file: string): Promise<[string, string]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const comment = [...text.matchAll(/^\/\/ ?(.*)$/gm)].map((m) => m[1]!).join(" ");
  const goal = /Goal: (.*?)(?= Method: |$)/.exec(comment)?.[1] ?? "";
  const method = /Method: (.*)$/.exec(comment.split(" // ")[0]!)?.[1] ?? "";
  return [goal.trim(), method.slice(0, 400).trim()];
}
