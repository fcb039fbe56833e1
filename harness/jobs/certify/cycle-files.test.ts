import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleCycle, examplePhase } from "#harness/model/certificate-examples.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import { cycleDir, cyclesOfRun, readCycles, writeCycle } from "./cycle-files.ts";

async function runOf(records: readonly CycleRecord[]): Promise<string> {
  const dir = tempFolder("cycles");
  for (const record of records) await writeCycle(cycleDir(dir, record.cycle), record);
  return dir;
}

const unknown = (n: number): CycleRecord =>
  exampleCycle(n, { phases: [examplePhase({ rig: ["the prober stood still"] })] });

test("cycles of a run and single ones are read together, each once", async () => {
  const first = await runOf([exampleCycle(1), exampleCycle(2)]);
  const second = await runOf([exampleCycle(1, { runId: "s", lab: "default s-1" })]);
  expect(cyclesOfRun(first).map((c) => c.cycle)).toEqual([1, 2]);
  const { cycles, leftOut } = readCycles([first, cycleDir(first, 1), cycleDir(second, 1)]);
  expect(cycles.map((c) => `${c.runId} ${c.cycle}`)).toEqual(["r 1", "r 2", "s 1"]);
  expect(leftOut).toEqual([]);
});

test("only an unknown cycle may be left out, and it is named", async () => {
  const dir = await runOf([exampleCycle(1), exampleCycle(2), unknown(3)]);
  const { leftOut } = readCycles([cycleDir(dir, 1), cycleDir(dir, 2)]);
  expect(leftOut).toEqual([{ runId: "r", of: 3, why: ["baseline: the prober stood still"] }]);
  expect(() => readCycles([cycleDir(dir, 1)])).toThrow("cycle 2 of r is certified and must not be left out");
});

test.each([
  ["another setting", { settingHash: "f".repeat(16) }, "its setting differs"],
  ["other sources", { sourceHash: "f".repeat(16) }, "its sources have the hash ffffffffffffffff"],
  ["another pair", { to: "1.20.0" }, "it is of 1.19.7 to 1.20.0"],
  ["one lab twice", { lab: "default r-1" }, "are from one lab"],
  ["another method", { method: 2 }, "measured by method 2"],
])("%s: the cycles are no certificate", async (_, change, why) => {
  const dir = await runOf([exampleCycle(1), exampleCycle(2, change)]);
  expect(() => readCycles([dir])).toThrow(why);
});

test("a folder without cycles is refused with what to name instead", () => {
  const dir = tempFolder("none");
  expect(() => readCycles([join(dir, "x")])).toThrow("holds no cycle.json");
});
