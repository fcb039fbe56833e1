import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { judgeLosses, type UnnamedLosses } from "#harness/judge/measured.ts";
import { windowsOf } from "#harness/judge/windows.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { copyLosses, lossesBeside, readLosses, writeLosses } from "#harness/measure/loss-files.ts";
import { exampleHistory, exampleMeasurement } from "#harness/model/examples.ts";
import type { History, Sample } from "#harness/model/history.ts";
import { footLine, headLine, sampleLine } from "#harness/model/history-lines.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { rejudge, rejudgedExitCode, rejudgedLines } from "./rejudge.ts";

const zero = 1_764_000_000_000;
const everyMs = 10;

/** A fault at 2 s, healed at 12 s; requests are lost where `isLost` says so. */
function historyOf(title: string, isLost: (ms: number) => boolean): History {
  const samples = Array.from({ length: 2000 }, (_, seq): Sample => {
    const dueMs = seq * everyMs;
    const lost = isLost(dueMs);
    return {
      ...{ seq, dueMs, sentMs: dueMs, endMs: dueMs + 1, outcome: lost ? "timeout" : "ok" },
      ...(lost ? {} : { servedBy: "echo", cluster: "west" }),
    };
  });
  const marks = [
    { name: "scale to zero", atMs: 2000 },
    { name: "healing begins", atMs: 12_000 },
  ];
  return exampleHistory({
    ...{ title, everyMs, marks, startedAtUnixMs: zero, samples },
    control: samples.map((s) => ({ ...s, outcome: "ok" as const })),
  });
}

function lossesOf(histories: readonly History[], lostTimeMs: number): UnnamedLosses {
  const limits = { lostTimeMs, longestGapMs: lostTimeMs, bursts: 5 };
  return {
    ...{ method: 3, scenario: "scale to zero", affinity: "local", struck: "east", client: "east" },
    ...{ faultUnixMs: zero + 2000, healingUnixMs: zero + 12_000 },
    rig: { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 },
    chain: { path: [], events: [] },
    points: histories.map(({ samples, control, marks: _, startedAt: __, ...head }) => ({
      ...{ ...head, cluster: "east", expected: { away: limits, back: limits } },
      ...windowsOf({ samples, control }, { sinceMs: 2000, healedMs: 12_000 }),
    })),
  };
}

/** Figures as an older method kept them: an outage ended at its first quiet second. */
const older = (m: Measurement): Measurement => ({
  ...m,
  away: { ...m.away, lost: 20, bursts: 1, lostTimeMs: 210, outageMs: 210, lastLossMs: 1190 },
});

interface Made {
  readonly dir: string;
  readonly measurement: Measurement;
}

/** A run folder with two bursts of losses, of 200 and of 120 ms. */
async function runFolder(kept: { losses: boolean; histories: boolean }, budgetMs = 300): Promise<Made> {
  const dir = join(tempFolder("rejudge"), "20261127-100000-abcdef");
  const main = historyOf("main", (ms) => (ms >= 3000 && ms < 3200) || (ms >= 5000 && ms < 5120));
  const other = historyOf("other", () => false);
  const losses = lossesOf([main, other], budgetMs);
  const { figures } = judgeLosses(losses);
  const measurement = older(
    exampleMeasurement({
      ...figures,
      ...{ runId: "20261127-100000-abcdef", at: "2026-11-27T10:00:00.000Z" },
      prober: { ...figures.prober, allCpuShare: 0.4 },
    }),
  );
  mkdirSync(join(dir, "histories"), { recursive: true });
  if (kept.losses) await writeLosses(dir, losses, measurement);
  if (kept.histories)
    for (const h of [main, other]) writeFileSync(join(dir, "histories", `${h.title}.ndjson`), textOf(h));
  writeFileSync(join(dir, "report.json"), JSON.stringify(recordOf(measurement)));
  return { dir, measurement };
}

function textOf(history: History): string {
  const { samples, control, marks, cpuShare, clockErrorMs, ...head } = history;
  return [
    headLine(head),
    ...[...samples].map((s) => sampleLine("s", s)),
    ...[...control].map((s) => sampleLine("c", s)),
    footLine({ marks, cpuShare, clockErrorMs }),
    "",
  ].join("\n");
}

function recordOf({ outcome: _, ...measurement }: Measurement): RunRecord {
  const notes = { measurement, histories: ["main.ndjson", "other.ndjson"] };
  return {
    ...{ schema: 1, runId: measurement.runId, startedAt: "", durationMs: 1, command: "c", lab: "default" },
    ...{ profile: "default", fault: null, kernel: "6", meshproof: "1", imageSource: "source" },
    ...{ imageReason: "", clusters: [], provenance: [], budgets: {}, exitCode: 0 },
    suites: [
      {
        ...{ name: "failover", goal: "g", method: "m", errors: [], durationMs: 1 },
        tests: [{ suite: "failover", name: "t", outcome: "pass", reasons: [], durationMs: 1, notes }],
      },
    ],
    totals: { pass: 1, fail: 0, unsupported: 0, skipped: 0, unknown: 0, errors: 0 },
  };
}

test.each([
  ["histories", { losses: true, histories: true }],
  ["loss record", { losses: true, histories: false }],
])("by its %s, verdict and figures of the present method are listed", async (by, kept) => {
  const { dir } = await runFolder(kept);
  const before = readFileSync(join(dir, "report.json"), "utf8");
  const result = await rejudge(dir);
  expect(rejudgedLines(result)).toEqual([
    `failover > t: pass -> fail (by its ${by})`,
    "  east/w -> 10.0.0.1:80: lost time of 340 ms is over the budget of 300 ms (32 requests lost: 32 timeout; 2 bursts)",
    "  away.lost: 20 -> 32",
    "  away.lastLossMs: 1190 -> 3110",
    "  away.bursts: 1 -> 2",
    "  away.lostTimeMs: 210 -> 340",
    "  away.outageMs: 210 -> 2130",
    "20261127-100000-abcdef: 1 of 1 measurements judged again; 1 verdicts and 5 figures change",
  ]);
  expect(rejudgedExitCode(result)).toBe(1);
  expect(readFileSync(join(dir, "report.json"), "utf8")).toBe(before);
});

test("histories alone give figures and no verdict", async () => {
  const { dir } = await runFolder({ losses: false, histories: true });
  const result = await rejudge(dir);
  expect(result.tests).toMatchObject([{ by: "histories", was: "pass", figures: { length: 5 } }]);
  expect(rejudgedLines(result)[0]).toBe("failover > t: pass, not judged again (by its histories)");
  expect(rejudgedExitCode(result)).toBe(3);
});

test("a measurement of which nothing is kept is named", async () => {
  const { dir } = await runFolder({ losses: false, histories: false });
  const result = await rejudge(dir);
  expect(rejudgedLines(result)).toEqual([
    "failover > t: neither a loss record nor whole histories are kept",
    "20261127-100000-abcdef: 0 of 1 measurements judged again; 0 verdicts and 0 figures change",
  ]);
  expect(rejudgedExitCode(result)).toBe(3);
});

test("what the present method gives too is not listed", async () => {
  const { dir, measurement } = await runFolder({ losses: true, histories: true }, 400);
  const [record] = readLosses(join(dir, "losses.ndjson"));
  expect(record?.at).toBe(measurement.at);
  const again = await rejudge(dir);
  const changed = again.tests[0]?.figures.map((f) => f.name) ?? [];
  expect(again.tests[0]).toMatchObject({ was: "pass", now: "pass" });
  expect(changed).toHaveLength(5);
  expect(rejudgedExitCode(again)).toBe(0);
});

test("a run without measurements is refused", async () => {
  const { dir } = await runFolder({ losses: false, histories: false });
  const record = JSON.parse(readFileSync(join(dir, "report.json"), "utf8")) as RunRecord;
  writeFileSync(join(dir, "report.json"), JSON.stringify({ ...record, suites: [] }));
  await expect(rejudge(dir)).rejects.toThrow(/measured nothing/);
});

test("a series has the loss records of its measurements beside it", async () => {
  const { dir, measurement } = await runFolder({ losses: true, histories: false });
  const series = join(dir, "figures.ndjson");
  copyLosses(dir, measurement, series);
  copyLosses(dir, { ...measurement, at: "never" }, series);
  expect(lossesBeside(series)).toBe(join(dir, "figures.losses.ndjson"));
  expect(readLosses(lossesBeside(series))).toEqual(readLosses(join(dir, "losses.ndjson")));
});

test("clients that were not served as before in time are a failure with figures, however often it is judged", () => {
  const losses = lossesOf([historyOf("main", () => false)], 300);
  expect(judgeLosses(losses).verdict.outcome).toBe("pass");
  const late = judgeLosses({ ...losses, unreturned: ["waited 60 s for east to serve main"] });
  expect(late.verdict).toEqual({ outcome: "fail", reasons: ["waited 60 s for east to serve main"] });
  expect(late.figures.back.lost).toBe(0);
  expect(late.figures.undecided).toBeUndefined();
});
