import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { expectationOf, harmless } from "#harness/check/kill-matrix.ts";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import { matches } from "#harness/core/pattern.ts";
import { faults } from "#harness/fault/index.ts";
import { repoRoot } from "#harness/host/paths.ts";
import { listTestsOnPaper } from "./list-tests.ts";
import { longSuiteNames, provenSuites } from "./suites.ts";

describe("the tables of prove", () => {
  const clusters = ["east", "west"];
  let suites: string[];
  let tests: Map<string, string[]>;
  let tables: ReadonlyMap<string, ProveTable>;
  let unsupported: { suite: string; test: string }[];

  beforeAll(async () => {
    // Suites that are run where they are named strike by themselves: `prove` leaves them alone.
    const listed = await listTestsOnPaper();
    suites = [...listed.keys()];
    tests = new Map([...listed].filter(([suite]) => provenSuites.includes(suite)));
    tables = await readProveTables(join(repoRoot(), "suites"));
    unsupported = parse(
      readFileSync(join(repoRoot(), "suites/unsupported.yaml"), "utf8"),
    ) as typeof unsupported;
  }, 60_000);

  const fate = (fault: string, test: { suite: string; name: string }): "fail" | "green" | "either" =>
    expectationOf(tables.get(test.suite)?.[fault] ?? harmless, test.name, clusters);
  const all = (): { suite: string; name: string }[] =>
    [...tests].flatMap(([suite, names]) => names.map((name) => ({ suite, name })));

  test("every suite has a table, and every line of it names a fault and tests that exist", () => {
    expect(suites.sort()).toEqual([...provenSuites, ...longSuiteNames].sort());
    expect([...tables.keys()].sort()).toEqual([...provenSuites].sort());
    for (const [suite, table] of tables) {
      for (const [fault, { kills, may }] of Object.entries(table)) {
        expect(
          faults.map((f) => f.name),
          `${suite}.prove.yaml`,
        ).toContain(fault);
        for (const pattern of [...kills, ...may])
          expect(
            tests.get(suite)!.some((n) => matches(pattern, n, clusters)),
            `${suite}.prove.yaml, ${fault}: ${pattern} matches a test`,
          ).toBe(true);
      }
    }
  });

  test("every test has a fault that kills it and leaves at least half of the others green", () => {
    const can = all().filter((t) => !unsupported.some((u) => u.suite === t.suite && matches(u.test, t.name)));
    expect(can.length).toBeGreaterThan(30);
    const gentle = faults.filter(
      (f) => can.filter((t) => fate(f.name, t) === "green").length >= (can.length - 1) / 2,
    );
    const without = can
      .filter((t) => !gentle.some((f) => fate(f.name, t) === "fail"))
      .map((t) => `${t.suite} > ${t.name}`);
    expect(without).toEqual([]);
  });

  test("every fault has a suite that it kills a test of", () => {
    const idle = faults.filter((f) => all().every((t) => fate(f.name, t) !== "fail")).map((f) => f.name);
    expect(idle).toEqual([]);
    expect(faults.length).toBeGreaterThanOrEqual(30);
  });
});
