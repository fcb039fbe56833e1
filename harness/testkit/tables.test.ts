import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import { faults } from "#harness/faults/index.ts";
import { expectationOf, harmless } from "#harness/judge/kill-matrix.ts";
import { isAffected } from "#harness/judge/known-defects.ts";
import { found } from "#harness/lib/found.ts";
import { matches } from "#harness/lib/pattern.ts";
import { profileNames } from "#harness/model/profile.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { listTests, loadSuites, suiteNames } from "./suite-list.ts";

const all = await loadSuites();
const listed = listTests(all, ["east", "west"]);
const provenSuites = suiteNames(all, "core", "lab");
/** They inject faults themselves; a table of theirs is for blocks around the thresholds alone. */
const longSuites = suiteNames(all, "long");

describe("the tables of prove", () => {
  const clusters = ["east", "west"];
  let tests: Map<string, readonly string[]>;
  let tables: ReadonlyMap<string, ProveTable>;
  let unsupported: { suite: string; test: string }[];

  beforeAll(async () => {
    tables = await readProveTables(join(repoRoot(), "suites"));
    tests = new Map([...listed].filter(([suite]) => tables.has(suite)));
    unsupported = parse(
      readFileSync(join(repoRoot(), "suites/unsupported.yaml"), "utf8"),
    ) as typeof unsupported;
  });

  const fate = (fault: string, test: { suite: string; name: string }): ReturnType<typeof expectationOf> =>
    expectationOf(tables.get(test.suite)?.[fault] ?? harmless, test.name, clusters);
  const allTests = (): { suite: string; name: string }[] =>
    [...tests].flatMap(([suite, names]) => names.map((name) => ({ suite, name })));
  const isProven = ({ suite }: { readonly suite: string }): boolean => provenSuites.includes(suite);

  test("every suite has a table, and every line of it names a fault and tests that exist", () => {
    expect([...tables.keys()].filter((suite) => !longSuites.includes(suite)).sort()).toEqual(
      [...provenSuites].sort(),
    );
    for (const [suite, table] of tables) {
      for (const [fault, { mustFail, mustPass, mayFail }] of Object.entries(table)) {
        expect(
          faults.map((f) => f.name),
          `${suite}.faults.yaml`,
        ).toContain(fault);
        for (const pattern of [...mustFail, ...mustPass, ...mayFail])
          expect(
            tests.get(suite)?.some((n) => matches(pattern, n, clusters)),
            `${suite}.faults.yaml, ${fault}: ${pattern} matches a test`,
          ).toBe(true);
      }
    }
  });

  test("mayFail lists full titles, or one with {pair}, and at most half of a suite", () => {
    for (const [suite, table] of tables) {
      const names = tests.get(suite) ?? [];
      for (const [fault, { mayFail }] of Object.entries(table)) {
        for (const pattern of mayFail)
          expect(
            pattern,
            `${suite}.faults.yaml, ${fault}: a wildcard in mayFail hides what breaks`,
          ).not.toContain("*");
        const either = names.filter((name) => fate(fault, { suite, name }) === "either");
        expect(
          either.length,
          `${suite}.faults.yaml, ${fault}: mayFail covers ${either.length} of ${names.length} tests, so it proves little`,
        ).toBeLessThanOrEqual(names.length / 2);
      }
    }
  });

  test("for every test, a fault kills it and leaves at least half of the others green", () => {
    const can = allTests().filter(
      (t) => isProven(t) && !unsupported.some((u) => u.suite === t.suite && matches(u.test, t.name)),
    );
    expect(can.length).toBeGreaterThan(30);
    const gentle = faults.filter(
      (f) => can.filter((t) => ["green", "pass"].includes(fate(f.name, t))).length >= (can.length - 1) / 2,
    );
    const without = can
      .filter((t) => !gentle.some((f) => fate(f.name, t) === "fail"))
      .map((t) => `${t.suite} > ${t.name}`);
    expect(without).toEqual([]);
  });

  test("every fault kills a test of some suite, but one that stays within its threshold", () => {
    const idle = faults.filter((f) => allTests().every((t) => fate(f.name, t) !== "fail")).map((f) => f.name);
    expect(idle.filter((name) => !name.endsWith("-within-budget"))).toEqual([]);
    expect(faults.length).toBeGreaterThanOrEqual(30);
  });

  test("a threshold is proven from both sides: the tests that a block beyond it kills pass with one within it", () => {
    const beyond = faults.filter((f) => f.name.endsWith("-beyond-budget")).map((f) => f.name);
    expect(beyond.length).toBeGreaterThanOrEqual(4);
    for (const name of beyond) {
      const within = name.replace("-beyond-", "-within-");
      const of = (fault: string, fates: string) => allTests().filter((t) => fate(fault, t) === fates);
      expect(of(name, "fail").length, name).toBeGreaterThan(0);
      expect(of(within, "pass"), within).toEqual(of(name, "fail"));
    }
  });
});

describe("the known defects", () => {
  const defects = readKnownDefects(join(repoRoot(), "suites"));
  const titles = [...listed].flatMap(([suite, names]) => names.map((name) => ({ suite, name })));

  test("every pattern of an entry matches a test of its suite", async () => {
    for (const { id, tests } of await defects)
      for (const { suite, test: pattern } of tests)
        expect(
          ["east", "west"].some((cluster) =>
            listed.get(suite)?.some((t) => matches(pattern.replaceAll("{cluster}", cluster), t)),
          ),
          `known-defects.yaml, ${id}: ${pattern} matches a test of ${suite}`,
        ).toBe(true);
  });

  test("where one cluster reads EndpointSlices, tests that need no remote backend in it are not of the defect", async () => {
    const defect = found(
      (await defects).find((d) => d.id === "cilium-46627"),
      "the entry",
    );
    const affectedBy = (reader: string): string[] => {
      const clusters = ["east", "west"].map((name) => ({
        name,
        cilium: "1.20.2",
        settings: name === reader ? { "clustermesh-service-v2": "prefer-endpointslice" } : {},
      }));
      return titles.filter((t) => isAffected(defect, t, clusters)).map((t) => `${t.suite} > ${t.name}`);
    };
    const [east, west] = [affectedBy("east"), affectedBy("west")];
    const exporter = "mcs-api > east -> west > optional: an exported service answers at its clusterset name";
    expect(west.some((t) => t.startsWith(exporter))).toBe(true);
    expect(east.some((t) => t.startsWith(exporter))).toBe(false);
    for (const [of, reader, other] of [
      [east, "east", "west"],
      [west, "west", "east"],
    ] as const) {
      expect(of).toContain(`failover > ${reader} -> ${other} > scale to zero, affinity local, and back`);
      expect(of).not.toContain(`failover > ${other} -> ${reader} > scale to zero, affinity local, and back`);
      expect(of.filter((t) => t.includes("LoadBalancer"))).toEqual([]);
      // Seen in 20261128-003553-895c3c: the control of affinity local asks for an answer of each cluster.
      expect(of.filter((t) => t.includes(" affinity local: "))).toEqual([
        expect.stringContaining(`affinity local: ${reader}'s clients`),
      ]);
    }
    expect(affectedBy("none")).toEqual([]);
  });
});

const reasons = [
  "gone from Cilium: ",
  "needs published images: ",
  "needs a kernel feature: ",
  "not covered: ",
];

/** The rows of the tables of `docs/coverage.md`. */
function rows(): { readonly says: string; readonly here: string; readonly coveredBy: string }[] {
  return readFileSync(join(repoRoot(), "docs/coverage.md"), "utf8")
    .split("\n")
    .filter((l) => /^\| [1-4]/.test(l))
    .map((l) => {
      const [, , says = "", here = "", coveredBy = ""] = l.split("|").map((c) => c.trim());
      return { says, here, coveredBy };
    });
}

/** Whether a reference names an existing test of a suite, fault or unit test. */
function exists(reference: string): boolean {
  const fault = /^fault (\S+)$/.exec(reference)?.[1];
  if (fault !== undefined) return faults.some((f) => f.name === fault);
  const [home] = reference.split(" > ", 1) as [string];
  const pattern = reference.slice(home.length + 3);
  // A wildcard would match any test of the suite, but a row must fail if its test is renamed.
  if (!/[a-z]{3}/i.test(pattern)) return false;
  if (home.endsWith(".test.ts")) {
    const source = readFileSync(join(repoRoot(), home), "utf8");
    return [...source.matchAll(/^\s*test\("([^"]+)"/gm)].some(([, title = ""]) => matches(pattern, title));
  }
  return (listed.get(home) ?? []).some((found) => matches(pattern, found));
}

describe("the coverage of the four source documents", () => {
  test("every instruction of the four documents is covered by a test that exists, or has a reason of the closed list", () => {
    expect(rows().length).toBeGreaterThan(30);
    for (const { says, coveredBy } of rows()) {
      const references = [...coveredBy.matchAll(/`([^`]+)`/g)].map(([, r = ""]) => r);
      const reason = reasons.find((r) => coveredBy.startsWith(r));
      expect(references.length > 0 || reason !== undefined, `"${says}" is covered by something`).toBe(true);
      if (reason?.startsWith("gone")) continue;
      for (const reference of references)
        expect(exists(reference), `"${says}": there is a test \`${reference}\``).toBe(true);
    }
  });

  test("every profile that the table names exists", () => {
    const named = rows().flatMap(({ here }) =>
      [...here.matchAll(/--profile ([a-z-]+)/g)].map(([, name]) => name),
    );
    expect([...new Set(named)].sort()).toEqual(profileNames.filter((p) => p !== "default").sort());
  });
});
