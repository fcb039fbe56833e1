import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createVitest } from "vitest/node";
import { disturbances } from "#harness/judge/host.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { HostSample } from "#harness/model/host-sample.ts";
import { exitCodeOf, type SuiteRecord, totalsOf } from "#harness/model/record.ts";
import { RecordReporter } from "./records.ts";

const lib = join(import.meta.dirname, "../../lib");
const imports = `import { MeshproofError } from ${JSON.stringify(join(lib, "errors.ts"))};
import { eventually, notYet } from ${JSON.stringify(join(lib, "eventually.ts"))};
import { tempFolder } from "#harness/lib/temp-folder.ts";
const signal = new AbortController().signal;
const waiting = { what: "the EndpointSlices", withinMs: 20, everyMs: 5, signal };
const silent = () => Promise.reject(new MeshproofError("probe-failed", "the prober is silent"));
`;
const suites = {
  "waits.suite.ts": `${imports}
test("passes", () => {});
test("waits", () => eventually(async () => notYet("no list"), waiting));
test("asks", () => { throw new MeshproofError("kube-request", "east: HTTP 500"); });
test("asserts", () => { expect(1).toBe(2); });
test("hangs", () => new Promise(() => {}), 30);
test("asks beside a late prober", ({ task }) => {
  task.meta.controlTroubles = ["the prober stood still"];
  throw new MeshproofError("kube-request", "east: HTTP 500");
});
test("asserts beside a late prober", ({ task }) => {
  task.meta.controlTroubles = ["the prober stood still"];
  expect(1).toBe(2);
});
test("loses its prober", () => eventually(silent, waiting));
test("loses its probers", async () => {
  throw new AggregateError([new MeshproofError("rig-spoiled", "late"), await silent().catch((e) => e)], "both");
});
`,
  "set-up.suite.ts": `${imports}
beforeAll(() => eventually(async () => notYet("no list"), waiting));
test("never runs", () => {});
`,
  "prober.suite.ts": `${imports}
beforeAll(() => eventually(silent, waiting));
test("never runs", () => {});
`,
  "clean-up.suite.ts": `${imports}
afterAll(() => { throw new MeshproofError("cleanup-failed", "a namespace is left"); });
test("passes", () => {});
`,
};

const limits = { foreignCores: 0.8, hostStallMs: 5000, freeDiskBytes: 2 ** 30 };

/** Samples of every second around an interval. */
function samplesOf(sinceMs: number, untilMs: number, busyCores: number): HostSample[] {
  const seconds = Math.ceil((untilMs - sinceMs) / 1000) + 4;
  return Array.from({ length: seconds }, (_, i) => ({
    atMs: sinceMs - 2500 + i * 1000,
    busyCores,
    labCores: 0.5,
    ownCores: 0.1,
    lateMs: 1,
    freeDiskBytes: 10 ** 10,
    dockerAnswers: true,
  }));
}

const outcomesOf = (suite: SuiteRecord | undefined) =>
  Object.fromEntries(suite?.tests.map((t) => [t.name, t.outcome]) ?? []);
const reasonsOf = (suite: SuiteRecord | undefined, name: string): readonly string[] =>
  suite?.tests.find((t) => t.name === name)?.reasons ?? [];
const exitOf = (suite: SuiteRecord | undefined) => exitCodeOf(totalsOf(suite === undefined ? [] : [suite]));

describe("on a machine", () => {
  let dir: string;
  beforeAll(async () => {
    dir = tempFolder("reporter");
    await mkdir(join(dir, "suites"));
    for (const [name, text] of Object.entries(suites)) await writeFile(join(dir, "suites", name), text);
  });
  afterAll(() => rm(dir, { recursive: true }));

  /** The intervals for which host samples were requested. */
  let intervals: { readonly sinceMs: number; readonly untilMs: number }[] = [];

  /**
   * Runs the suites in a worker process, as `test` does. `busyCores`: in the host's samples; absent: there are no
   * samples.
   */
  async function run(busyCores?: number, only = ""): Promise<ReadonlyMap<string, SuiteRecord>> {
    intervals = [];
    const reporter = new RecordReporter({
      suites: [],
      clusters: [],
      repeat: 1,
      outputs: [],
      disturbances: (sinceMs, untilMs) => {
        intervals.push({ sinceMs, untilMs });
        const samples = busyCores === undefined ? [] : samplesOf(sinceMs, untilMs, busyCores);
        return disturbances(samples, limits, sinceMs, untilMs);
      },
    });
    const vitest = await createVitest("test", {
      root: dir,
      config: false,
      globals: true,
      watch: false,
      pool: "forks",
      include: [`suites/${only}*.suite.ts`],
      reporters: [reporter],
    });
    try {
      await vitest.start();
    } finally {
      await vitest.close();
    }
    return new Map(reporter.suites.map((s) => [s.name, s]));
  }

  test.each([
    ["that is idle", 1],
    ["without samples", undefined],
  ])("%s, timeouts and requests fail; a prober that failed is unknown", async (_name, busyCores) => {
    const reported = await run(busyCores);
    const waits = reported.get("waits");
    expect(outcomesOf(waits)).toEqual({
      passes: "pass",
      waits: "fail",
      asks: "fail",
      asserts: "fail",
      hangs: "fail",
      "asks beside a late prober": "unknown",
      "asserts beside a late prober": "fail",
      "loses its prober": "unknown",
      "loses its probers": "unknown",
    });
    expect(reasonsOf(waits, "waits")).toEqual([
      expect.stringMatching(/^waited \d+ms for the EndpointSlices .*; last seen: no list$/),
    ]);
    expect(reasonsOf(waits, "asks beside a late prober")).toEqual([
      "the test machine was disturbed: the prober stood still",
      "east: HTTP 500",
    ]);
    expect(reported.get("set-up")?.errors).toEqual([expect.stringContaining("last seen: no list")]);
    expect(exitOf(reported.get("set-up"))).toBe(1);
    expect(outcomesOf(reported.get("prober"))).toEqual({
      "never runs": "skipped",
      "set-up and clean-up": "unknown",
    });
    expect(exitOf(reported.get("prober"))).toBe(3);
  });

  test("that is busy, everything is unknown with the reason, and keeps the error messages", async () => {
    const reported = await run(2.4);
    const waits = reported.get("waits");
    expect(new Set(Object.values(outcomesOf(waits)))).toEqual(new Set(["unknown"]));
    expect(reasonsOf(waits, "waits")).toEqual([
      expect.stringMatching(/^the test machine was disturbed: other programs used 1\.8 cores/),
      expect.stringContaining("last seen: no list"),
    ]);
    expect(reasonsOf(waits, "hangs").join("\n")).toMatch(
      /test machine was disturbed[\s\S]*timed out in 30ms/,
    );
    const setUp = reported.get("set-up");
    expect(setUp?.errors).toEqual([]);
    expect(reasonsOf(setUp, "set-up and clean-up").join("\n")).toMatch(
      /test machine was disturbed[\s\S]*last seen: no list/,
    );
    expect(exitOf(setUp)).toBe(3);
  });

  test("that is idle, a failed clean-up is an error, whatever disturbed the tests before it", async () => {
    expect(exitOf((await run(1, "clean-up")).get("clean-up"))).toBe(1);
    const [ofTest, ofCleanUp] = intervals;
    expect(ofCleanUp?.sinceMs).toBe(ofTest?.untilMs);
  });
});
