import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleLabState } from "#harness/model/examples.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { type RunRecord, totalsOf } from "#harness/model/record.ts";
import { testkitFile } from "#harness/testkit/suite-list.ts";
import { prove } from "./prove.ts";

const runs = vi.hoisted((): { suites: readonly string[]; fault?: string }[] => []);
vi.mock("#harness/cluster/mesh.ts", async () => {
  const { capabilitiesOf } = await import("#harness/cluster/capabilities.ts");
  return {
    Mesh: class {
      readonly clusters;
      readonly state;
      constructor(state: LabState) {
        this.state = state;
        const { clusters, profile } = state.plan;
        this.clusters = clusters.map((c) => ({ name: c.name, capabilities: capabilitiesOf(c, profile) }));
      }
    },
  };
});
vi.mock("#harness/lab/open-lab.ts", () => ({ workOn: async () => exampleLabState() }));
vi.mock("#harness/state/lock.ts", async (original) => ({
  ...(await original<object>()),
  withLab: async (_: string, signal: AbortSignal, work: (signal: AbortSignal) => unknown) => work(signal),
}));
vi.mock("./write-report.ts", () => ({ writeReport: async () => [] }));
vi.mock("./run-head.ts", () => ({ runHead: async () => ({}) }));
vi.mock("./test.ts", () => ({
  earlierRun: async () => undefined,
  testLab: async (o: { suites: readonly string[]; runId: string; reportsDir: string; fault?: string }) => {
    runs.push(o);
    const suites = o.suites.map((name) => ({
      name,
      goal: "",
      method: "",
      errors: [],
      durationMs: 1,
      tests: [
        {
          suite: name,
          name: "passes",
          outcome: o.fault === undefined ? "pass" : "fail",
          reasons: ["by echo"],
          durationMs: 1,
          notes: { fault: { name: o.fault, subject: "s", names: ["echo"] } },
        },
      ],
    }));
    const record = { runId: o.runId, suites, clusters: [], provenance: [], budgets: {}, exitCode: 0 };
    return { record: { ...record, totals: totalsOf(suites as never) }, dir: join(o.reportsDir, o.runId) };
  },
}));

const before = process.env.MESHPROOF_REPORTS;
let dir = "";
beforeEach(() => {
  dir = tempFolder("prove");
  process.env.MESHPROOF_REPORTS = join(dir, "reports");
  runs.length = 0;
  for (const [name, when] of [
    ["other-core", "core"],
    ["other-long", "long"],
  ] as const) {
    mkdirSync(join(dir, "suites", name), { recursive: true });
    writeFileSync(
      join(dir, "suites", name, `${name}.suite.ts`),
      `import { defineSuite } from ${JSON.stringify(testkitFile)};
export default defineSuite(
  { name: "${name}", tags: [], when: "${when}", goal: "g", method: "m", failureMeans: "f" },
  ({ test }) => test("passes", async () => {}),
);`,
    );
    writeFileSync(
      join(dir, "suites", name, `${name}.faults.yaml`),
      `remote-backends-stopped:\n  mustFail: ["passes"]\n`,
    );
  }
});
afterEach(() => {
  if (before === undefined) delete process.env.MESHPROOF_REPORTS;
  else process.env.MESHPROOF_REPORTS = before;
});

const proveSuites = (suites: readonly string[]): Promise<{ record: RunRecord }> =>
  prove({
    lab: "paper",
    suites,
    faults: ["remote-backends-stopped"],
    suitesDir: join(dir, "suites"),
    selection: { shard: { index: 1, count: 1 } },
    full: false,
    runId: "r",
    command: "c",
    say: () => {},
    signal: new AbortController().signal,
  });

test("a long suite of another folder is tried under its faults, behind the others; the record names the shard", async () => {
  const { record } = await proveSuites(["other-long", "other-core"]);
  const tried = runs.find((r) => r.fault === "remote-backends-stopped");
  expect(tried?.suites.filter((s) => s.startsWith("other-"))).toEqual(["other-core", "other-long"]);
  expect(record).toMatchObject({ shard: { index: 1, of: 1 }, killMatrix: { everyFault: false } });
  expect(record.killMatrix?.cells.map((c) => c.test)).toContain("other-long > passes");
});

test("alone, it does not become every suite", async () => {
  await proveSuites(["other-long"]);
  expect(runs.find((r) => r.fault !== undefined)?.suites).toContain("other-long");
});
