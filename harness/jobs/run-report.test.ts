import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { atStep, interruptedBy, notDoneWithin, UncaughtError } from "#harness/lib/ending.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { type RunRecord, type TestRecord, totalsOf } from "#harness/model/record.ts";
import { endOf, reportsEveryEnding } from "./end-of.ts";
import { RunReport } from "./run-report.ts";

let said: string[];
let abort: AbortController;
let report: RunReport;
beforeEach(() => {
  process.env.MESHPROOF_REPORTS = tempFolder("report");
  said = [];
  abort = new AbortController();
  report = new RunReport({
    command: "npm run mesh -- run",
    meshproof: "0",
    signal: abort.signal,
    say: (line) => said.push(line),
    onTested: () => said.push("tested"),
  });
});

const junit = (): string => readFileSync(join(report.dir, "junit.xml"), "utf8");
const end = (command: () => Promise<unknown>) =>
  endOf(command, { report, signal: abort.signal, warn: (text) => said.push(text) });

/** A record of suite `policy` with these outcomes. */
function recordOf(...outcomes: TestRecord["outcome"][]): RunRecord {
  const tests = outcomes.map((outcome, i) => ({
    suite: "policy",
    name: `test ${i}`,
    outcome,
    reasons: [],
    durationMs: 1,
    notes: {},
  }));
  const suites = [{ name: "policy", goal: "", method: "", tests, errors: [], durationMs: 1 }];
  const { fail } = totalsOf(suites);
  return {
    ...report.withEndings({
      schema: 1,
      runId: report.runId,
      startedAt: "2026-01-01T00:00:00Z",
      durationMs: 1,
      command: "",
      lab: "x",
      profile: "default",
      fault: null,
      kernel: "",
      meshproof: "0",
      imageSource: "registry",
      imageReason: "",
      clusters: [],
      provenance: [],
      budgets: {},
      suites,
      totals: totalsOf(suites),
      exitCode: fail > 0 ? 1 : 0,
    }),
  };
}

test("an error is named after the innermost step in which it occurred", async () => {
  const ended = await end(() =>
    atStep("up", () =>
      atStep("images", async () => {
        throw new MeshproofError("artifact-unavailable", "no module", { remedy: "choose another" });
      }),
    ),
  );
  expect(ended).toMatchObject({ exitCode: 2, record: { totals: { pass: 0, unknown: 1 } } });
  expect(junit()).toContain('<testcase name="images" classname="meshproof"');
  expect(junit()).toContain('<error type="artifact-unavailable" message="[artifact-unavailable] no module"');
  expect(readlinkSync(join(report.dir, "../latest"))).toBe(report.runId);
});

test("a mesh that does not come up is a failure, and an error element", async () => {
  const ended = await end(() => Promise.reject(new MeshproofError("mesh-not-ready", "no answer")));
  expect(ended).toMatchObject({ exitCode: 1, record: { totals: { fail: 1, unknown: 0 } } });
  expect(junit()).toContain('failures="0" errors="1"');
});

test("existing results are kept when the command ends early", async () => {
  const ended = await end(async () => {
    report.follow(() => recordOf("pass", "pass"));
    abort.abort(interruptedBy("SIGTERM"));
    throw new MeshproofError("aborted", "interrupted: test");
  });
  expect(ended).toMatchObject({ exitCode: 130, record: { totals: { pass: 2, unknown: 1 } } });
  expect(junit()).toContain('<testcase name="test 1" classname="policy"');
  expect(junit().match(/<error type="aborted"/g)).toHaveLength(1);
});

test.each([
  ["pass", 3],
  ["fail", 1],
] as const)("--timeout after a %s is exit %i", async (outcome, exitCode) => {
  const ended = await end(async () => {
    report.follow(() => recordOf(outcome));
    abort.abort(notDoneWithin("60m"));
    report.tested(report.withEndings(recordOf(outcome)), undefined);
  });
  expect(ended.exitCode).toBe(exitCode);
  expect(junit()).toContain('<testcase name="timeout" classname="meshproof"');
});

test("a failed clean-up after the tests keeps their results", async () => {
  const ended = await end(async () => {
    report.tested(recordOf("pass"), undefined);
    await atStep("clean-up", () => Promise.reject(new MeshproofError("cleanup-failed", "a node stays")));
  });
  expect(said).toContain("tested");
  expect(ended).toMatchObject({ exitCode: 3, record: { totals: { pass: 1, unknown: 1 } } });
  expect(junit()).toContain('<testcase name="clean-up"');
});

test("a failed clean-up after an error does not hide the error", async () => {
  await end(() =>
    atStep("up", async () => {
      const first = new MeshproofError("command-failed", "kind failed");
      throw new SuppressedError(new MeshproofError("cleanup-failed", "a node stays"), first, "");
    }),
  );
  expect(junit()).toContain("kind failed");
  expect(junit()).toContain("a node stays");
  expect(junit().match(/<testcase name="up"/g)).toHaveLength(2);
});

test("a --timeout during the clean-up after a failure does not hide the failure", async () => {
  const ended = await end(async () => {
    abort.abort(notDoneWithin("1m"));
    throw new MeshproofError("port-in-use", "port 1 is in use");
  });
  expect(ended.exitCode).toBe(2);
  expect(junit()).toContain('type="timeout"');
  expect(junit()).toContain('type="port-in-use"');
});

test("an unexpected error is reported without a stack", async () => {
  const ended = await end(() => Promise.reject(new TypeError("x is not a function")));
  expect(ended.exitCode).toBe(3);
  expect(said.join("\n")).toMatch(/x is not a function\n.*bug in Meshproof \(TypeError\)/);
  expect(said.join("\n")).not.toMatch(/\.ts:\d+/);
  abort.abort(new UncaughtError(new Error("later")));
  expect(junit()).toContain('type="unexpected"');
});

test("an undisturbed end changes nothing", async () => {
  const record = recordOf("pass");
  const ended = await end(async () => report.tested(record, "series"));
  expect(ended).toEqual({ record, exitCode: 0 });
  expect(report.series).toBe("series");
});

test.each([
  [["run", "--lab", "x"], true],
  [["--nosuch", "test"], true],
  [["help", "run"], false],
  [["up"], false],
  [["test", "--write-context", "f"], false],
  [[], false],
])("the endings of %j are reported: %s", (argv, expected) => {
  expect(reportsEveryEnding(argv)).toBe(expected);
});
