import fc from "fast-check";
import { expect, test } from "vitest";
import { checkRecord, parseRecord } from "#harness/lib/records.ts";
import { hundredths } from "#harness/lib/stats.ts";
import { sampleOutcomes } from "./history.ts";
import {
  decodeLosses,
  encodeLosses,
  type Losses,
  type LossRun,
  lossRecordFormat,
  type Point,
  runsToText,
  textToRuns,
  type Window,
} from "./loss-record.ts";

const source = { what: "x", remedy: "y" };

const lossKinds = sampleOutcomes.filter((o) => o !== "ok");

/** Runs as a prober leaves them: in order, in hundredths of a millisecond, which is how probers report. */
const runs: fc.Arbitrary<LossRun[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom<LossRun["kind"]>("good", "slow", ...lossKinds),
      count: fc.integer({ min: 1, max: 100_000 }),
      offset: fc.nat(100_000),
      span: fc.nat(10_000_000),
    }),
    { maxLength: 20 },
  )
  .map((parts) => {
    let before = 0;
    return parts.map(({ kind, count, offset, span }) => {
      const first = before + offset;
      before = count === 1 ? first : first + span;
      return { kind, count, firstMs: hundredths(first / 100), lastMs: hundredths(before / 100) };
    });
  });

const window = (of: readonly LossRun[]): Window => ({
  sinceMs: 0,
  untilMs: 6000,
  runs: of,
  latency: { p50Ms: 0.5, p99Ms: 1.2, p999Ms: 3, maxMs: 12.34 },
  answers: { east: [1200, 0.7, 5999.7, 5999] },
  prober: { latenessP99Ms: 0.8, latenessMaxMs: 2, controlSent: 120, controlLost: 0 },
});

const point = (title: string, of: readonly LossRun[]): Point => ({
  ...{ title, vantage: "east/kind-east-worker", target: "10.101.0.1:80", cluster: "east" },
  ...{ connection: "new", everyMs: 5, timeoutMs: 1000, startedAtUnixMs: 1_764_235_000_000.5 },
  ...{ clockErrorMs: 0.3, cpuShare: 0.2, missing: 0 },
  ...{ before: window(of), away: window(of), back: window(of) },
  expected: {
    away: { lostTimeMs: 2000, longestGapMs: 2000, bursts: 5 },
    move: { from: ["east"], to: ["west"], withinMs: 2000 },
    back: { lostTimeMs: 2000, longestGapMs: 2000, bursts: 5 },
  },
});

const losses = (points: readonly Point[]): Losses => ({
  ...{ format: "meshproof-losses/1", method: 3, runId: "r", at: "t", scenario: "scale to zero" },
  ...{ affinity: "local", struck: "east", client: "east", faultUnixMs: 1.5, healingUnixMs: 9.25 },
  rig: { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 },
  chain: {
    path: [{ boundary: "agent updated", errorMs: 1 }],
    events: [{ boundary: "agent updated", atUnixMs: 2, active: 0 }],
  },
  points,
});

test("runs are read from their text unchanged", () => {
  const two: LossRun[] = [
    { kind: "good", count: 2001, firstMs: 0, lastMs: 10_000.03 },
    { kind: "refused", count: 1, firstMs: 10_005.05, lastMs: 10_005.05 },
  ];
  expect(runsToText(two)).toBe("g2001@0~1000003 f1@502");
  fc.assert(
    fc.property(runs, (of) => {
      expect(textToRuns(runsToText(of))).toEqual(of);
    }),
  );
});

test("a written record is read back unchanged, and so are its runs", () => {
  fc.assert(
    fc.property(runs, runs, (a, b) => {
      const all = losses([point("a", a), point("b", b)]);
      const written = encodeLosses(all);
      const read = parseRecord(JSON.stringify(written), lossRecordFormat, source);
      expect(read).toEqual(written);
      expect(decodeLosses(read)).toEqual(all);
    }),
    { numRuns: 30 },
  );
});

test.each(["g1", "x1@0", "g1@0 ", "g1@0  f1@1", "g1@0,f1@1"])("runs %j are refused", (text) => {
  const written = encodeLosses(losses([point("a", [])]));
  const [first] = written.points;
  const changed = { ...written, points: [{ ...first, away: { ...first?.away, runs: text } }] };
  expect(() => checkRecord(changed, lossRecordFormat, source)).toThrow(/run-length-coded/);
});

test("fifteen vantage points of a usual measurement take less than 20 KiB", () => {
  const usual: LossRun[] = [
    { kind: "good", count: 400, firstMs: 10_000.12, lastMs: 12_000.2 },
    { kind: "refused", count: 41, firstMs: 12_005.31, lastMs: 12_205.9 },
    { kind: "timeout", count: 20, firstMs: 12_210.01, lastMs: 12_305.3 },
    { kind: "good", count: 1200, firstMs: 12_310.4, lastMs: 18_305.3 },
  ];
  const points = Array.from({ length: 15 }, (_, i) =>
    point(`NodePort of east on node ${i}, from outside`, usual),
  );
  expect(JSON.stringify(encodeLosses(losses(points))).length).toBeLessThan(20 * 1024);
});
