import { create } from "xmlbuilder2";
import { printable } from "#harness/lib/visible.ts";
import type { KillMatrix } from "#harness/model/kill-matrix.ts";
import { countsAsFailure, type RunRecord, type SuiteRecord, type TestRecord } from "#harness/model/record.ts";

/** `prove` as a suite: one case per fault, failed if a test survived it. */
export function killSuite(matrix: KillMatrix): SuiteRecord {
  return {
    name: "prove",
    goal: "The tests that should detect a fault fail and name its target; no other test fails.",
    method:
      "Injects one fault at a time into the live mesh and compares the suites' verdicts with each suite's fault table.",
    errors: [],
    durationMs: matrix.faults.reduce((sum, f) => sum + f.durationMs, 0),
    tests: matrix.faults.map((fault) => {
      const cells = matrix.cells.filter((c) => c.fault === fault.name);
      const wrong = cells.filter((c) => c.state !== "killed" && c.state !== "green");
      const unknown =
        wrong.length > 0 && fault.errors.length === 0 && wrong.every((c) => c.state === "unknown");
      return {
        suite: "prove",
        name: fault.name,
        outcome: wrong.length === 0 && fault.errors.length === 0 ? "pass" : unknown ? "unknown" : "fail",
        reasons: [...fault.errors, ...wrong.map((c) => `${c.state}: ${c.test}`)],
        durationMs: fault.durationMs,
        notes: {
          facts: {
            subject: fault.subject,
            killed: cells.filter((c) => c.state === "killed").length,
            green: cells.filter((c) => c.state === "green").length,
          },
        },
      } as const;
    }),
  };
}

/** What a JUnit file needs of a run that may still be in progress. */
export type JunitRun = Pick<RunRecord, "runId" | "startedAt" | "suites"> & {
  /** Versions, image source, digests: one `property` each, on every suite. */
  readonly properties: Readonly<Record<string, string>>;
};

/** The builder treats `&lt;` and `&#0;` as entities, so every `&` of the text is escaped. */
const xmlText = (text: string): string => printable(text).replaceAll("&", "&amp;");
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

/**
 * Surefire's dialect. XML cannot represent most control characters. A failed set-up is an `error`, a verdict a
 * `failure`, an unknown an `error` of type unknown.
 */
export function toJunit(run: JunitRun): string {
  const root = create({ version: "1.0", encoding: "UTF-8" }).ele("testsuites", {
    name: xmlText(`meshproof ${run.runId}`),
    tests: String(run.suites.reduce((n, s) => n + s.tests.length + s.errors.length, 0)),
    failures: String(run.suites.reduce((n, s) => n + failures(s), 0)),
    errors: String(run.suites.reduce((n, s) => n + errors(s), 0)),
    time: seconds(run.suites.reduce((n, s) => n + s.durationMs, 0)),
  });
  for (const suite of run.suites) {
    const element = root.ele("testsuite", {
      name: xmlText(suite.name),
      tests: String(suite.tests.length + suite.errors.length),
      failures: String(failures(suite)),
      errors: String(errors(suite)),
      skipped: String(
        suite.tests.filter(
          (t) => t.outcome === "skipped" || t.outcome === "unsupported" || t.accepted !== undefined,
        ).length,
      ),
      time: seconds(suite.durationMs),
      timestamp: run.startedAt.slice(0, 19),
    });
    const properties = element.ele("properties");
    for (const [name, value] of Object.entries({ ...run.properties, goal: suite.goal }))
      properties.ele("property", { name: xmlText(name), value: xmlText(value) });
    for (const [i, error] of suite.errors.entries()) {
      const testcase = element.ele("testcase", {
        name: `set-up or clean-up ${i + 1}`,
        classname: xmlText(suite.name),
        time: "0.000",
      });
      testcase.ele("error", { type: "set-up", message: firstLine(error) }).txt(xmlText(error));
    }
    for (const test of suite.tests) addTest(element, suite, test);
  }
  return root.end({ prettyPrint: true });
}

function addTest(element: ReturnType<typeof create>, suite: SuiteRecord, test: TestRecord): void {
  const testcase = element.ele("testcase", {
    name: xmlText(test.name),
    classname: xmlText(suite.name),
    time: seconds(test.durationMs),
  });
  const reasons = test.reasons.join("\n");
  const text = xmlText(reasons);
  // An error that ended the run is an `error` whatever its exit code: no test has failed.
  if (test.error !== undefined)
    testcase.ele("error", { type: test.error.code, message: firstLine(reasons) }).txt(text);
  else if (test.accepted !== undefined)
    testcase.ele("skipped", { message: xmlText(`accepted: ${test.accepted}`) }).txt(text);
  else if (test.outcome === "skipped" || test.outcome === "unsupported")
    testcase.ele("skipped").txt(text || test.outcome);
  else if (test.outcome === "unknown")
    testcase.ele("error", { type: "unknown", message: firstLine(reasons) }).txt(text);
  else if (test.outcome === "fail")
    testcase.ele("failure", { type: "fail", message: firstLine(reasons) }).txt(text);
  const facts = Object.entries(test.notes.facts ?? {});
  if (facts.length > 0)
    testcase.ele("system-out").txt(xmlText(facts.map(([name, value]) => `${name}=${value}`).join("\n")));
}

const failures = (suite: SuiteRecord): number =>
  suite.tests.filter((t) => countsAsFailure(t) && t.error === undefined).length;
const errors = (suite: SuiteRecord): number =>
  suite.errors.length + suite.tests.filter((t) => t.outcome === "unknown" || t.error !== undefined).length;
const firstLine = (text: string): string => xmlText((text.split("\n")[0] ?? "").slice(0, 500));
