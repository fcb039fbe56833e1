import { appendFile, mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestRunEndReason } from "vitest/node";
import { formatMs, monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { isRigCode, messageOf } from "#harness/lib/errors.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
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
  /** What disturbed the rig between two times on the monotonic clock. */
  readonly disturbances?: (sinceMs: number, untilMs: number) => readonly string[];
}

/** Collects what the suites say; `junit.xml` and `events.jsonl` are written as it goes. */
export class MeshproofReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #modules = new Map<string, { record: SuiteRecord; startedMs: number }>();
  readonly #order: string[] = [];
  readonly #times = new Map<string, { readonly sinceMs: number; readonly untilMs: number }>();
  #writing: Promise<void> = Promise.resolve();
  #writeTrouble = false;
  runErrors: string[] = [];

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
    });
    this.#event({ event: "suite-start", suite: basename(module.moduleId) });
    this.#options.say(`${basename(module.moduleId).replace(/\.test\.ts$/, "")}: ${goal}`);
  }

  onTestCaseResult(test: TestCase): Promise<void> {
    const entry = this.#modules.get(test.module.moduleId);
    if (entry === undefined) return Promise.resolve();
    const raw = this.#unlessInterrupted(test, recordOf(test, entry.record.name));
    const untilMs = monotonicMs();
    this.#times.set(`${raw.suite} > ${raw.name}`, { sinceMs: untilMs - raw.durationMs, untilMs });
    const record = this.#unlessDisturbed(raw);
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
    const errors = [...module.errors(), ...[...module.children.allSuites()].flatMap((s) => s.errors())].map(
      describe,
    );
    const untilMs = monotonicMs();
    entry.record = this.#unlessSetUpDisturbed(
      { ...entry.record, errors, durationMs: untilMs - entry.startedMs },
      untilMs,
    );
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
    this.runErrors = unhandled.map(describe);
    // Some disturbances show only later: a daemon that is ending still answers while its containers go.
    for (const entry of this.#modules.values())
      entry.record = this.#unlessSetUpDisturbed(
        { ...entry.record, tests: entry.record.tests.map((t) => this.#unlessDisturbed(t)) },
        entry.startedMs + entry.record.durationMs,
      );
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

  #event(event: Record<string, unknown>): void {
    this.#queue(async () => {
      await mkdir(this.#options.runDir, { recursive: true });
      await appendFile(
        join(this.#options.runDir, "events.jsonl"),
        `${JSON.stringify({ at: wallLabel(), ...event })}\n`,
      );
    });
  }

  #writeJunit(): Promise<void> {
    return this.#queue(() =>
      writeAtomic(
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

const rigReason = (text: string): string => `the rig was disturbed: ${text}`;

function recordOf(test: TestCase, suite: string): TestRecord {
  const result = test.result();
  const errors = result.state === "failed" ? result.errors : [];
  const note = result.state === "skipped" ? (result.note ?? "") : "";
  let outcome: Outcome;
  if (result.state === "passed") outcome = "pass";
  else if (result.state === "skipped") outcome = note.startsWith("unsupported: ") ? "unsupported" : "skipped";
  else
    outcome =
      errors.length > 0 && errors.every((e) => isRigCode((e as { code?: unknown }).code))
        ? "unknown"
        : "fail";
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
