import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { KillCell } from "#harness/model/kill-matrix.ts";
import type { RunRecord, SuiteRecord, TestRecord } from "#harness/model/record.ts";
import type { TestOptions } from "./test.ts";

const clusters: RunRecord["clusters"] = ["east", "west"].map((name, i) => ({
  name,
  id: i + 1,
  podCidr: "",
  serviceCidr: "",
  nodes: [],
  kubernetes: "1.34.4",
  cilium: "1.19.4",
  nodeImage: "",
  nodeImageId: "",
}));

vi.mock("#harness/lab/open-lab.ts", () => ({ workOn: async () => exampleLabState({ lab: "a" }) }));
vi.mock("#harness/cluster/mesh.ts", () => ({
  Mesh: class {
    readonly state = exampleLabState({ lab: "a" });
  },
}));
vi.mock("#harness/faults/needs.ts", () => ({ lacked: () => undefined }));
vi.mock("#harness/state/lock.ts", () => ({
  withLab: (_: string, signal: AbortSignal, work: (signal: AbortSignal) => unknown) => work(signal),
}));
vi.mock("./run-head.ts", () => ({ runHead: async () => ({ lab: "a", clusters, fault: null }) }));
vi.mock("./pause-on-fail.ts", () => ({ requireTerminal: () => {} }));
const written: RunRecord[] = [];
vi.mock("./write-report.ts", async (original) => ({
  ...(await original<object>()),
  writeReport: async (_: string, record: RunRecord) => void written.push(record),
}));
/** What `testLab` was asked for, and what it answers: the outcome of a test under a fault, or on the healed mesh. */
let tried: TestOptions[] = [];
let outcome: (fault: string | undefined, test: string) => "pass" | "fail" | "named" = () => "pass";
vi.mock("./test.ts", async (original) => ({
  ...(await original<object>()),
  testLab: async (options: TestOptions) => {
    tried.push(options);
    const { repeat = 1 } = options;
    const suites = options.suites.map((name): SuiteRecord => {
      const tests = found(
        all.find((s) => s.info.name === name),
        name,
      ).tests({
        clusters: ["east", "west"],
        repeat,
      });
      return {
        name,
        goal: "",
        method: "",
        errors: [],
        durationMs: 1,
        tests: tests.map(({ title }): TestRecord => {
          const ended = outcome(options.fault, title);
          return {
            suite: name,
            name: title,
            outcome: ended === "pass" ? "pass" : "fail",
            reasons: ended === "named" ? ["no answer from THIS (10.1.0.1:80)"] : [],
            durationMs: 1,
            notes:
              options.fault === undefined
                ? {}
                : { fault: { name: options.fault, subject: "s", names: ["THIS"] } },
          };
        }),
      };
    });
    return { record: { suites, exitCode: 0, clusters, lab: "a" }, dir: "/r" };
  },
}));

const { found } = await import("#harness/lib/found.ts");
const { loadAllSuites } = await import("#harness/testkit/suite-list.ts");
const { readProveTables } = await import("#harness/config/prove-tables.ts");
const { suitesDir } = await import("#harness/testkit/suite-list.ts");
const { expectationOf } = await import("#harness/judge/kill-matrix.ts");
const { withoutCount } = await import("#harness/testkit/selection.ts");
const { prove } = await import("./prove.ts");

const all = await loadAllSuites();
const table = found((await readProveTables(suitesDir())).get("affinity"), "table of affinity");
/** As the tables say. */
const right = (fault: string | undefined, title: string) => {
  const expected = fault === undefined ? undefined : table[fault];
  return expected !== undefined && expectationOf(expected, withoutCount(title), ["east", "west"]) === "fail"
    ? ("named" as const)
    : ("pass" as const);
};
const [first = "", second = ""] = Object.keys(table);

let reports = "";
let said: string[] = [];
beforeEach(() => {
  tried = [];
  said = [];
  written.length = 0;
  outcome = right;
  reports = tempFolder("prove");
  vi.stubEnv("MESHPROOF_REPORTS", reports);
});

const proveAffinity = (more: Partial<Parameters<typeof prove>[0]> = {}) =>
  prove({
    lab: "a",
    suites: ["affinity"],
    faults: [first, second],
    full: false,
    runId: "r2",
    command: "prove",
    say: (line) => void said.push(line),
    signal: new AbortController().signal,
    ...more,
  });
/** Without the tests that are run again after each fault. */
const mainRuns = () => tried.filter((t) => t.fault !== undefined || !isAgain(t));
const isAgain = (t: TestOptions): boolean =>
  t.fault === undefined && t.reportsDir?.endsWith("faults") === true;
const faultsTried = () => tried.flatMap((t) => t.fault ?? []);

test("every fault is tried, then the suites on the healed mesh", async () => {
  const { record } = await proveAffinity();
  expect([...faultsTried()].sort()).toEqual([first, second].sort());
  expect(tried.at(-1)?.fault).toBeUndefined();
  expect(record.killMatrix?.survivors).toEqual([]);
});

test("tests that a fault made fail run again once it is healed, and must pass", async () => {
  const { record } = await proveAffinity();
  const again = tried.filter(isAgain);
  expect(again).toHaveLength(2);
  expect(again[0]?.selection?.only?.length).toBeGreaterThan(0);
  expect(record.killMatrix?.survivors).toEqual([]);
  outcome = (fault, title) => {
    const last = tried.at(-1);
    return last !== undefined && isAgain(last) ? "fail" : right(fault, title);
  };
  const { record: stuck } = await proveAffinity();
  expect(stuck.killMatrix?.faults.flatMap((f) => f.errors).join()).toContain("still fails after healing");
  expect(stuck.killMatrix?.survivors).toEqual(expect.arrayContaining([first, second]));
});

test("--fail-fast ends with the first survivor: no further fault, no healed run, but a report", async () => {
  outcome = () => "pass";
  const { record } = await proveAffinity({ failFast: true });
  expect(tried).toHaveLength(1);
  expect(record).toMatchObject({ exitCode: 1, suites: [], lab: "a" });
  expect(record.killMatrix?.survivors.length).toBeGreaterThan(0);
  expect(written).toEqual([record]);
  expect(said.join("\n")).toContain("1 of 2 faults");
});

test("--fail-fast without a survivor goes on, and ends the healed run with its first failure", async () => {
  await proveAffinity({ failFast: true });
  expect(mainRuns().map((t) => t.failFast ?? false)).toEqual([false, false, true]);
});

test("--repeat: a test is killed where every repetition of it was", async () => {
  const { record } = await proveAffinity({ repeat: 3 });
  expect(mainRuns().map((t) => t.repeat)).toEqual([3, 3, 3]);
  expect(record.killMatrix).toMatchObject({ survivors: [] });
  expect(record.killMatrix?.tests.some((t) => / of 3\)$/.test(t))).toBe(false);
  outcome = (fault, title) => (/\(2 of 3\)$/.test(title) ? "pass" : right(fault, title));
  const { record: flaky } = await proveAffinity({ repeat: 3 });
  expect(flaky.killMatrix?.survivors.length).toBeGreaterThan(0);
  expect(flaky.exitCode).toBe(1);
});

test("--pause-on-fail holds under a fault too, by what the fault should do", async () => {
  await proveAffinity({ pauseOnFail: true, full: true });
  expect(tried.map((t) => t.pauseOnFail)).toEqual(tried.map(() => true));
  expect(tried[0]?.expected?.affinity).toBeDefined();
  expect(tried[0]?.includeEither).toBe(true);
});

const cell = (fault: string, state: KillCell["state"]): KillCell => ({
  fault,
  test: "affinity > t",
  state,
  outcome: "fail",
  message: "",
});
async function earlier(change: Partial<RunRecord>): Promise<void> {
  const fault = { group: "", does: "", subject: "", durationMs: 1, run: "r1" };
  const record = {
    schema: 1,
    runId: "r1",
    startedAt: "",
    durationMs: 1,
    command: "",
    lab: "a",
    profile: "",
    fault: null,
    kernel: "",
    meshproof: "",
    imageSource: "",
    imageReason: "",
    clusters,
    provenance: [],
    budgets: {},
    suites: [],
    totals: { pass: 0, fail: 0, unsupported: 0, skipped: 0, unknown: 0, errors: 0 },
    exitCode: 1,
    killMatrix: {
      faults: [first, second].map((name) => ({ ...fault, name, errors: [] })),
      tests: [],
      cells: [cell(first, "killed"), cell(second, "survived")],
      survivors: [],
      unkilled: [],
    },
    ...change,
  };
  await mkdir(join(reports, "r1"), { recursive: true });
  await writeFile(join(reports, "r1", "report.json"), JSON.stringify(record));
}
const again = { faults: [], suites: [], rerunFailed: "r1" };

test("--rerun-failed tries the faults that the run did not settle, in its suites", async () => {
  await earlier({});
  await proveAffinity(again);
  expect(faultsTried()).toEqual([second]);
  expect(tried.at(-1)?.suites).toEqual(["affinity"]);
});

test("--rerun-failed refuses a run of another lab or version, and one that is none of prove, by name", async () => {
  await earlier({ lab: "b" });
  await expect(proveAffinity(again)).rejects.toThrow("run r1 used lab b, not a");
  await earlier({ clusters: [] });
  await expect(proveAffinity(again)).rejects.toThrow(/r1 used other versions/);
  await earlier({ killMatrix: undefined } as unknown as Partial<RunRecord>);
  await expect(proveAffinity(again)).rejects.toThrow(/r1 is not a run of prove/);
  expect(tried).toEqual([]);
});

test("--rerun-failed goes on with no run: --resume does", async () => {
  await earlier({});
  await expect(proveAffinity({ ...again, resume: "r1" })).rejects.toThrow(/--resume/);
});

test("the faults of all shards are all faults, each once", async () => {
  const shards = [];
  for (const index of [1, 2, 3]) {
    tried = [];
    await proveAffinity({ faults: [], selection: { shard: { index, count: 3 } } });
    shards.push(faultsTried());
  }
  expect(shards.flat().sort()).toEqual(Object.keys(table).sort());
  for (const shard of shards) expect(shard.length).toBeGreaterThan(0);
});
