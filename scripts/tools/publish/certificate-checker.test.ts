// The checker against made-up certificates: a good one passes, and a breach of each rule is named.
import { expect, test } from "vitest";
import { certificateOf } from "#harness/jobs/certify/certificate-of.ts";
import { certificateRules, certificateViolations } from "#harness/judge/published-certificate.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import { exampleCycle, exampleDisruption } from "#harness/model/certificate-examples.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";

const options = { direction: "forth", runId: "r", command: "c", leftOut: [] } as const;
const five = [1, 2, 3, 4, 5].map((n) => exampleCycle(n));
const good = certificateOf(five, options);

/** A certificate whose third cycle differs, as `certify` would write it. */
const third = (change: Partial<CycleRecord>): Certificate =>
  certificateOf(
    five.map((c, i) => (i === 2 ? { ...c, ...change } : c)),
    options,
  );
const move = (change: Partial<CycleRecord["phases"][number]>): Partial<CycleRecord> => ({
  phases: exampleCycle(3).phases.map((p) => (p.name === "upgrade east first" ? { ...p, ...change } : p)),
});
const lossy = third(move({ disruptions: [exampleDisruption({ lost: 1, lostMs: 200, longestGapMs: 400 })] }));

test("a good certificate passes, in both directions, with and without a loss", () => {
  expect(certificateViolations(good)).toEqual([]);
  expect(certificateViolations(certificateOf(five, { ...options, direction: "back" }))).toEqual([]);
  expect(certificateViolations(lossy)).toEqual([]);
});

const breaches: readonly [string, (typeof certificateRules)[number], Certificate][] = [
  ["four cycles", "cycles", certificateOf(five.slice(0, 4), options)],
  [
    "two labs",
    "labs",
    certificateOf(
      five.map((c, i) => ({ ...c, lab: `l${i % 2}` })),
      options,
    ),
  ],
  ["a move that was measured in part", "measured share", third(move({ measuredMs: 110_000 }))],
  [
    "a long interruption",
    "measured share",
    third({ interruptions: [{ phase: "baseline", startMs: 0, durationMs: 60_000 }] }),
  ],
  ["a cycle without phases", "measured share", third({ phases: [] })],
  [
    "times that are not those of the phases",
    "measured share",
    { ...good, cycles: good.cycles.map((c) => ({ ...c, measuredMs: c.durationMs - 1 })) },
  ],
  ["an error of the harness", "harness errors", third(move({ harness: ["healing failed"] }))],
  [
    "an error of a suite in the baseline",
    "harness errors",
    certificateOf(
      five.map((c) => ({
        ...c,
        suiteWindows: c.suiteWindows.map((w) => ({
          ...w,
          suites: w.suites.map((s) => ({ ...s, errors: ["clean-up failed"] })),
        })),
      })),
      options,
    ),
  ],
  ["several settings", "setting", third({ settingHash: "f".repeat(16) })],
  [
    "no hash of the sources",
    "sources",
    certificateOf(
      five.map((c) => ({ ...c, sourceHash: "" })),
      options,
    ),
  ],
  ["several sources", "sources", third({ sourceHash: "f".repeat(16) })],
  ["changed sources", "sources", third({ sourceTree: "changed" })],
  ["an older method", "method", third({ method: 2 })],
  ["a loss that no finding names", "findings", { ...lossy, findings: [] }],
  ["a better verdict than the phases give", "verdict", { ...lossy, verdict: "certified" }],
  ["a reason that is left out", "verdict", { ...third(move({ error: "hung" })), reasons: [] }],
  ["an unknown result", "verdict", third(move({ rig: ["late"] }))],
  ["a bound that is not the exact one", "bounds", { ...good, bounds: lossy.bounds }],
];

test.each(breaches)("%s: %s", (_name, rule, certificate) => {
  expect(certificateViolations(certificate).map((v) => v.rule)).toContain(rule);
});

test("every rule has a breach", () => {
  expect([...new Set(breaches.map(([, rule]) => rule))].sort()).toEqual([...certificateRules].sort());
});
