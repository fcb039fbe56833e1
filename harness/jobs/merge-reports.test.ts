import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { killMatrix } from "#harness/judge/kill-matrix.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { type CellState, proofFormat } from "#harness/model/kill-matrix.ts";
import { type RunRecord, totalsOf } from "#harness/model/record.ts";
import { mergedRun, mergeReports } from "./merge-reports.ts";

function run(runId: string, outcomes: Record<string, "pass" | "fail" | "unknown">, cilium = "1.19.4") {
  const suites = Object.entries(outcomes).map(([name, outcome]) => ({
    name,
    goal: "",
    method: "",
    errors: [],
    durationMs: 5,
    tests: [{ suite: name, name: "one", outcome, reasons: [], durationMs: 5, notes: {} }],
  }));
  return {
    runId,
    startedAt: `2026-01-0${runId.slice(-1)}`,
    durationMs: 10,
    meshproof: "1",
    profile: "default",
    fault: null,
    clusters: [{ name: "east", cilium, kubernetes: "1.34.4" }],
    suites,
    totals: totalsOf(suites),
    exitCode: 0,
  } as unknown as RunRecord;
}

test("shards become one run, with its totals and exit code", () => {
  const merged = mergedRun([run("r2", { a: "pass" }), run("r1", { b: "fail" })], "m", "report merge");
  expect(merged).toMatchObject({ runId: "m", startedAt: "2026-01-01", exitCode: 1 });
  expect(merged.totals).toMatchObject({ pass: 1, fail: 1 });
  expect(mergedRun([run("r1", { a: "pass" }), run("r2", { b: "unknown" })], "m", "").exitCode).toBe(3);
  expect(mergedRun([run("r1", { a: "pass" }), run("r2", { b: "pass" })], "m", "").exitCode).toBe(0);
});

test("a test that several shards ran has its worst outcome", () => {
  const merged = mergedRun([run("r1", { a: "pass" }), run("r2", { a: "fail" })], "m", "");
  expect(merged.suites.map((s) => s.tests.map((t) => t.outcome))).toEqual([["fail"]]);
});

test("an accepted failure hides neither a failure that counts nor an unknown, and no pass hides it", () => {
  const failed = run("r1", { a: "fail" });
  const accepted: RunRecord = {
    ...failed,
    suites: failed.suites.map((s) => ({
      ...s,
      tests: s.tests.map((t) => ({ ...t, accepted: "CVE-1" })),
    })),
  };
  const mergedWith = (outcome: "pass" | "fail" | "unknown") =>
    mergedRun([accepted, run("r2", { a: outcome, b: "pass" })], "m", "");
  expect(mergedWith("fail")).toMatchObject({ exitCode: 1, totals: { fail: 1 } });
  expect(mergedWith("unknown").exitCode).toBe(3);
  expect(mergedWith("pass")).toMatchObject({ exitCode: 0, totals: { fail: 0, accepted: 1 } });
});

test("a name of --accept is unused if no shard needed it", () => {
  const shardWith = (id: string, suite: string, unusedAccept: string[]): RunRecord => ({
    ...run(id, { [suite]: "pass" }),
    unusedAccept,
  });
  const one = shardWith("r1", "a", ["CVE-1", "CVE-2"]);
  expect(mergedRun([one, shardWith("r2", "b", ["CVE-2"])], "m", "").unusedAccept).toEqual(["CVE-2"]);
  expect(mergedRun([one, run("r2", { b: "pass" })], "m", "")).not.toHaveProperty("unusedAccept");
});

test("a shard that ended before its lab was up is merged, and does not pass", () => {
  const ended = { ...run("r2", { meshproof: "unknown" }), clusters: [], profile: "unknown" } as RunRecord;
  const merged = mergedRun([ended, run("r1", { a: "pass" })], "m", "");
  expect(merged).toMatchObject({ exitCode: 3, profile: "default", clusters: [{ name: "east" }] });
});

test("runs with different versions are refused by name", () => {
  expect(() => mergedRun([run("r1", {}), run("r2", {}, "1.20.0")], "m", "")).toThrow(
    /r1 and r2 are not shards of one run: .*1\.19\.4.*1\.20\.0/,
  );
});

const shard = (index: number, of: number, record: RunRecord): RunRecord => ({
  ...record,
  shard: { index, of },
});

test("all shards are green together; of one that is missing nothing is known, and it is named", () => {
  const [one, two, three] = [1, 2, 3].map((i) => shard(i, 3, run(`r${i}`, { [`s${i}`]: "pass" })));
  const merge = (...runs: (RunRecord | undefined)[]) =>
    mergedRun(
      runs.filter((r) => r !== undefined),
      "m",
      "",
    );
  const whole = merge(one, two, three);
  expect(whole).toMatchObject({ exitCode: 0, totals: { pass: 3, unknown: 0 } });
  expect(whole).not.toHaveProperty("shard");
  const part = merge(three);
  expect(part).toMatchObject({ exitCode: 3, totals: { pass: 1, unknown: 2 } });
  expect(part.suites.find((s) => s.name === "meshproof")?.tests.map((t) => t.reasons[0])).toEqual([
    expect.stringContaining("shard 1/3"),
    expect.stringContaining("shard 2/3"),
  ]);
  expect(merge(one, shard(2, 3, run("r4", { a: "fail" }))).exitCode).toBe(1);
});

test("what are no shards of one run is refused by name", () => {
  const one = shard(1, 2, run("r1", {}));
  const refused = (other: RunRecord): string => {
    try {
      mergedRun([one, other], "m", "");
    } catch (error) {
      expect(error).toMatchObject({ code: "usage", exitCode: 2 });
      return (error as Error).message;
    }
    return "";
  };
  expect(refused(shard(1, 2, run("r2", {})))).toContain("r1 and r2 are both shard 1/2");
  expect(refused(shard(2, 2, run("r1", {})))).toContain("run r1 is named twice");
  expect(refused(shard(2, 3, run("r2", {})))).toContain("r2 is one of 3");
  expect(refused(run("r2", {}))).toContain("r2 is not a shard");
  const unopened = { ...run("r2", {}), clusters: [], meshproof: "2" };
  expect(refused(shard(2, 2, unopened))).toContain("r2 of 2");
  expect(refused(shard(2, 2, proof("r2", "f", "killed")))).toContain("are not shards of one run");
});

/** A shard of `prove`: one fault, and one test of suite `a` that it killed or did not. */
function proof(runId: string, fault: string, state: CellState, everyFault = true): RunRecord {
  const cells = [{ fault, test: "a > one", state, outcome: "fail" as const, message: "" }];
  const named = { name: fault, group: "g", does: "d", subject: "s", durationMs: 1, run: runId, errors: [] };
  const matrix = { ...killMatrix([named], cells, ["a > one"]), everyFault };
  return { ...run(runId, { a: "pass" }), killMatrix: matrix };
}

test("a test that no shard killed makes a whole proof fail, and is told", () => {
  const merge = (first: CellState, second: CellState, everyFault = true) =>
    mergedRun(
      [shard(1, 2, proof("r1", "f1", first, everyFault)), shard(2, 2, proof("r2", "f2", second, everyFault))],
      "m",
      "",
    );
  expect(merge("killed", "green")).toMatchObject({ exitCode: 0, killMatrix: { unkilled: [] } });
  expect(merge("green", "green")).toMatchObject({ exitCode: 1, killMatrix: { unkilled: ["a > one"] } });
  expect(merge("green", "green", false).exitCode).toBe(0);
  expect(merge("killed", "unknown").exitCode).toBe(3);
  const part = mergedRun([shard(1, 2, proof("r1", "f1", "green"))], "m", "");
  expect(part).toMatchObject({ exitCode: 3, killMatrix: { tests: ["a > one"] } });
});

const unknownOfALab = {
  schema: 1,
  command: "npm run mesh -- prove",
  lab: "default",
  kernel: "6.1",
  imageSource: "source",
  imageReason: "",
  provenance: [],
  budgets: {},
} as const;

test("the merged folder holds the kill matrix and the faults' runs, and what is missing is said", async () => {
  const reports = tempFolder("merge");
  process.env.MESHPROOF_REPORTS = reports;
  const said: string[] = [];
  try {
    const dirs = ["f1", "f2"].map((fault, i) => {
      const record = shard(i + 1, 3, {
        ...unknownOfALab,
        ...proof(`r${i + 1}`, fault, "green"),
        clusters: [],
      });
      const dir = join(reports, record.runId);
      mkdirSync(join(dir, "faults", `of-${fault}`), { recursive: true });
      symlinkSync(`of-${fault}`, join(dir, "faults/latest"));
      writeFileSync(join(dir, "report.json"), JSON.stringify(record));
      return dir;
    });
    const { dir, record } = await mergeReports(dirs, "report merge", (line) => said.push(line));
    expect(record.exitCode).toBe(3);
    const text = readFileSync(join(dir, "kill-matrix.json"), "utf8");
    const written = parseRecord(text, proofFormat("m"), { what: "it", remedy: "none" });
    expect(written.faults.map((f) => f.name)).toEqual(["f1", "f2"]);
    expect(readdirSync(join(dir, "faults")).sort()).toEqual(["of-f1", "of-f2"]);
    expect(said.join("\n")).toMatch(/kill matrix: 2 faults[\s\S]*missing: shard 3\/3/);
  } finally {
    delete process.env.MESHPROOF_REPORTS;
  }
});
