import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { CellState } from "#harness/model/kill-matrix.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { durationsOf, readTimedRun, type TimedRun, textOf } from "./durations.ts";

const none = { schema: 1, suites: {}, faults: {} } as const;
const titles = ["one", "two"];
const countOf = (suite: string) => (suite === "elsewhere" ? undefined : titles.length);

const suite = (
  name: string,
  durationMs: number,
  outcomes: readonly TestRecord["outcome"][] = ["pass", "unsupported"],
  errors: readonly string[] = [],
): SuiteRecord => ({
  name,
  goal: "",
  method: "",
  errors,
  durationMs,
  tests: outcomes.map((outcome, i) => ({
    suite: name,
    name: titles[i] ?? "",
    outcome,
    reasons: [],
    durationMs: 1,
    notes: {},
  })),
});
const run = (suites: readonly SuiteRecord[], fault: string | null = null): TimedRun => ({
  run: { runId: "r", fault, clusters: [], suites },
});
const proof = (run: string, faults: Readonly<Record<string, [ms: number, state: CellState]>>): TimedRun => ({
  proof: {
    faults: Object.entries(faults).map(([name, [durationMs]]) => ({
      name,
      group: "",
      does: "",
      subject: "s",
      durationMs,
      run,
      errors: [],
    })),
    cells: Object.entries(faults).map(([fault, [, state]]) => ({
      fault,
      test: "t",
      state,
      outcome: "fail",
      message: "",
    })),
  },
});

test("the median of each suite and fault, over what was recorded before", () => {
  const before = { schema: 1, suites: { policy: 5, kvstore: 7 }, faults: { partition: 9 } } as const;
  const runs = [
    ...[30.4, 10, 20].map((ms) => run([suite("policy", ms)])),
    proof("a", { partition: [100, "killed"] }),
  ];
  expect(durationsOf(before, runs, countOf)).toEqual({
    schema: 1,
    suites: { policy: 20, kvstore: 7 },
    faults: { partition: 100 },
  });
});

test("what did not run whole and to its end tells no duration", () => {
  const runs = [
    run([
      suite("failed", 1, ["pass", "fail"]),
      suite("left-out", 1, ["pass", "skipped"]),
      suite("a-part", 1, ["pass"]),
      suite("nothing", 1, ["unsupported", "unsupported"]),
      suite("no-set-up", 1, ["pass", "pass"], ["it broke"]),
      suite("elsewhere", 1),
    ]),
    run([suite("under-a-fault", 1)], "partition"),
    proof("a", { survived: [1, "survived"], unknown: [1, "unknown"] }),
  ];
  expect(durationsOf(none, runs, countOf)).toEqual(none);
});

test("a fault that a resumed run took over counts once", () => {
  const first = proof("a", { partition: [10, "killed"] });
  const runs = [
    first,
    first,
    first,
    ...[20, 30].map((ms, i) => proof(`b${i}`, { partition: [ms, "killed"] })),
  ];
  expect(durationsOf(none, runs, countOf).faults).toEqual({ partition: 20 });
});

test("an interrupted prove has its kill matrix alone; a folder without either is refused by name", async () => {
  const dir = tempFolder("durations");
  await expect(readTimedRun(dir)).rejects.toThrow(dir);
  const { proof: written } = proof("a", { partition: [10, "killed"] });
  await writeFile(join(dir, "kill-matrix.json"), JSON.stringify({ schema: 1, ...written }));
  expect(await readTimedRun(dir)).toEqual({ proof: { schema: 1, ...written } });
});

test("the file is sorted by name", () => {
  expect(textOf({ ...none, suites: { b: 1, a: 2 } })).toMatch(/"a": 2,\n +"b": 1/);
});
