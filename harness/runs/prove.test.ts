import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { expectationOf, harmless } from "#harness/check/kill-matrix.ts";
import { planLab } from "#harness/config/plan.ts";
import { type ProveTable, readProveTables } from "#harness/config/prove-tables.ts";
import { matches } from "#harness/core/pattern.ts";
import { faults } from "#harness/fault/index.ts";
import { repoRoot } from "#harness/host/paths.ts";
import { longSuiteNames, provenSuites } from "./suites.ts";

/** Every test of the suites, by suite, listed by vitest itself on a lab that exists on paper only. */
async function listTests(): Promise<Map<string, string[]>> {
  const state = mkdtempSync(join(tmpdir(), "meshproof-list-"));
  try {
    const plan = await planLab({ lab: "paper" });
    const dir = join(state, "meshproof/labs/paper");
    mkdirSync(dir, { recursive: true });
    const versions = Object.fromEntries(plan.clusters.map((c) => [c.name, { ciliumVersion: c.cilium }]));
    const artifacts = { clusters: versions, agnhostImage: "x", proberImage: "x" };
    writeFileSync(join(dir, "state.json"), JSON.stringify({ lab: "paper", phase: "up", plan, artifacts }));
    for (const c of plan.clusters) {
      const name = `kind-meshproof-paper--${c.name}`;
      const config = {
        clusters: [{ name, cluster: { server: "https://127.0.0.1:1" } }],
        users: [{ name, user: {} }],
        contexts: [{ name, context: { cluster: name, user: name } }],
      };
      writeFileSync(join(dir, `${c.name}.kubeconfig`), JSON.stringify(config));
    }
    const told = execFileSync(
      join(repoRoot(), "node_modules/.bin/vitest"),
      ["list", "--project", "suites", "--json", "--no-static-parse"],
      {
        cwd: repoRoot(),
        encoding: "utf8",
        env: { ...process.env, XDG_STATE_HOME: state, MESHPROOF_TEST_LAB: "paper", NODE_OPTIONS: "" },
      },
    );
    const tests = JSON.parse(told.slice(told.indexOf("["))) as { name: string; file: string }[];
    const bySuite = new Map<string, string[]>();
    for (const { name, file } of tests) {
      const suite = /([^/]+)\.test\.ts$/.exec(file)![1]!;
      bySuite.set(suite, [...(bySuite.get(suite) ?? []), name]);
    }
    return bySuite;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

describe("the tables of prove", () => {
  const clusters = ["east", "west"];
  let suites: string[];
  let tests: Map<string, string[]>;
  let tables: ReadonlyMap<string, ProveTable>;
  let unsupported: { suite: string; test: string }[];

  beforeAll(async () => {
    // Suites that are run where they are named strike by themselves: `prove` leaves them alone.
    const listed = await listTests();
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
