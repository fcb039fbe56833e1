import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import { faults } from "#harness/faults/index.ts";
import { errorCodes } from "#harness/lib/error-codes.ts";
import { matches } from "#harness/lib/pattern.ts";
import { listTests, loadSuites } from "#harness/testkit/suite-list.ts";

const root = join(import.meta.dirname, "../..");

/** The state before the restructuring, in parity.json. */
const before = z
  .object({
    suites: z.array(z.string()),
    tests: z.record(z.string(), z.array(z.string())),
    faults: z.array(z.string()),
    tableRows: z.record(
      z.string(),
      z.record(z.string(), z.object({ kills: z.array(z.string()), may: z.array(z.string()) })),
    ),
    unitTests: z.record(z.string(), z.array(z.string())),
    errorCodes: z.array(z.string()),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "parity.json"), "utf8")));

const names = z.record(z.string(), z.string());
/** Old name to new name; `mustFail`: "suite, fault: old pattern" to the pattern that names the same tests now. */
const map = z
  .strictObject({ suites: names, tests: names, faults: names, mustFail: names, unitTests: names })
  .parse(parse(readFileSync(join(import.meta.dirname, "map.yaml"), "utf8")));

const now = (of: Readonly<Record<string, string>>, name: string): string => of[name] ?? name;

describe("nothing was dropped or weakened by the restructuring", () => {
  let tests: ReadonlyMap<string, readonly string[]>;
  let tables: ReadonlyMap<string, ProveTable>;
  beforeAll(async () => {
    tests = listTests(await loadSuites(), ["east", "west"]);
    tables = await readProveTables(join(root, "suites"));
  });

  test("every suite and every test of it exists", () => {
    expect(before.suites.length).toBe(26);
    for (const suite of before.suites) {
      const listed = tests.get(now(map.suites, suite)) ?? [];
      const old = before.tests[suite] ?? [];
      expect(old.length, suite).toBeGreaterThan(0);
      expect(listed, suite).toEqual(expect.arrayContaining(old.map((title) => now(map.tests, title))));
    }
  });

  test("every fault exists, must fail the same tests, and may fail no others", () => {
    expect(before.faults.length).toBe(56);
    const known = faults.map((f) => f.name);
    expect(known).toEqual(expect.arrayContaining(before.faults.map((f) => now(map.faults, f))));
    for (const [suite, rows] of Object.entries(before.tableRows))
      for (const [fault, { kills, may }] of Object.entries(rows)) {
        const row = tables.get(now(map.suites, suite))?.[now(map.faults, fault)];
        const mustFail = kills.map((k) => map.mustFail[`${suite}, ${fault}: ${k}`] ?? k);
        expect(row?.mustFail, `${suite}, ${fault}`).toEqual(expect.arrayContaining(mustFail));
        // Of the tests of then: a table may say more of tests that were added since.
        const old = (before.tests[suite] ?? []).map((title) => now(map.tests, title));
        const allowed = (patterns: readonly string[]): string[] =>
          old.filter((title) => patterns.some((p) => matches(p, title, ["east", "west"])));
        expect(allowed(may), `${suite}, ${fault}`).toEqual(
          expect.arrayContaining(allowed(row?.mayFail ?? [])),
        );
      }
  });

  test("every error code exists", () => {
    expect(before.errorCodes.length).toBe(27);
    expect(Object.keys(errorCodes)).toEqual(expect.arrayContaining(before.errorCodes));
  });

  test("every unit test exists, under its title or the one in the map", () => {
    const sources = globSync("{harness,scripts}/**/*.test.ts", { cwd: root })
      .filter((file) => !file.startsWith("scripts/parity/"))
      .map((file) => readFileSync(join(root, file), "utf8").replaceAll("\\", ""));
    const old = Object.values(before.unitTests).flat();
    expect(old.length).toBeGreaterThan(200);
    const gone = old
      .map((name) => now(map.unitTests, name.split(" > ").at(-1) ?? name))
      .filter((title) => !sources.some((source) => source.includes(title.replaceAll("\\", ""))));
    expect(gone).toEqual([]);
  });
});
