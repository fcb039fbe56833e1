import { keyOf, type PublishedVersion } from "#harness/judge/provenance.ts";
import { exampleMeasurement } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import {
  type PlannedRow,
  type Published,
  type PublishedCampaign,
  rowNameOf,
  type Spoiled,
} from "#harness/model/published.ts";
import { resultsTable } from "#harness/report/published-tables.ts";
import { wholeRows } from "./pages.ts";
import { rowKeyOf } from "./published-of.ts";

/** Made-up published versions for unit tests, which keep every rule. */

export const plain = exampleMeasurement();
export const lossy = (ms: number) => ({
  ...plain.away,
  outageMs: ms,
  lostTimeMs: ms,
  longestGapMs: ms,
  lost: 1,
});

/** Twenty runs of a headline row from five labs, of which one failed and one had not recovered. */
export const good: readonly Measurement[] = Array.from({ length: 20 }, (_, i) =>
  exampleMeasurement({
    ...{ runId: "r", at: `t${i}`, lab: `lab ${i % 5}`, seed: 1, calibrationMs: 100 + i },
    ...{ settingHash: "a", sourceHash: "b", sourceTree: "clean" },
    ...{ tuned: true, application: "exits", outcome: i === 3 ? "fail" : "pass" },
    away: { ...lossy(400 + 10 * i), ...(i === 3 ? { censored: true, recovered: false } : {}) },
    phases: {
      ...{ ...plain.phases, accountedMs: 380, accountedErrorMs: 8, unexplainedMs: 20 + i },
      links: [{ upTo: "traffic stable", ms: 380, errorMs: 8, resolved: true }],
    },
    others: [
      {
        ...{ ...lossy(900), title: "NodePort", cluster: "east", everyMs: 50, latenessP99Ms: 1 },
        ...{ back: plain.back, before: plain.before },
      },
    ],
  }),
);

/** The plan that measurements fulfil. */
export function plannedRows(measurements: readonly Measurement[]): PlannedRow[] {
  return [...Map.groupBy(measurements, (m) => m.scenario).values()].flatMap(([m, ...others]) =>
    m === undefined
      ? []
      : {
          ...rowKeyOf(m),
          ...{ runs: others.length + 1, labs: 5, givenUp: 0, withoutFigure: [] },
        },
  );
}

export function campaignOf(measurements: readonly Measurement[]): PublishedCampaign {
  const [name, folder] = ["x", "reports/campaigns/x"];
  return {
    ...{ name, plan: `${folder}/plan.yaml`, series: `${folder}/series.ndjson`, command: "c" },
    commands: [{ at: "t", commit: "abc", runs: measurements.length, ended: "not stated" }],
    rows: plannedRows(measurements),
  };
}

export function publishedOf(measurements: readonly Measurement[]): Published {
  return {
    ...{ schema: 4, cilium: "1.19.4", publishedAt: "", meshproof: "abc", limits: [], missingCommits: [] },
    ...{ campaigns: [campaignOf(measurements)], spoiled: [], measurements },
    budgets: [...Map.groupBy(measurements, rowNameOf).values()].flatMap(([m]) =>
      m === undefined ? [] : [{ ...rowKeyOf(m), awayMs: [2000, 0], backMs: [2000] }],
    ),
    judged: measurements
      .filter((m) => m.outcome !== "pass")
      .map((m) => ({
        ...{ ...rowKeyOf(m), runId: m.runId, at: m.at, run: 1, was: m.outcome, now: m.outcome },
        reasons: ["too long"],
      })),
  };
}

/** A version as `publish` writes it. */
export function versionOf(measurements: readonly Measurement[]): PublishedVersion {
  const published = publishedOf(measurements);
  return {
    published,
    again: published,
    rows: wholeRows(resultsTable([published])),
    losses: { of: new Set(measurements.map(keyOf)), bytes: 1000 },
  };
}

/** The good version, of which one run was spoiled at every try, and two attempts gave no figure. */
export function lacking(): PublishedVersion {
  const kept = good.filter((_, i) => i !== 4);
  const campaign = campaignOf(good);
  const attempt = { run: 3, at: "t", reasons: ["why"] };
  const rows = campaign.rows.map((row) => ({ ...row, givenUp: 1, withoutFigure: [attempt, attempt] }));
  const spoiled: Spoiled = {
    ...{ scenario: plain.scenario, affinity: plain.affinity, tuned: true, application: "exits" },
    ...{ runId: "r", at: "t4", outcome: "fail", why: ["late"], outageMs: 700, censored: false },
  };
  const published = { ...publishedOf(kept), campaigns: [{ ...campaign, rows }], spoiled: [spoiled] };
  return {
    ...versionOf(kept),
    ...{ published, again: published, rows: wholeRows(resultsTable([published])) },
  };
}

/** The good version with three undecided runs, which were judged otherwise when they were measured. */
export function undecided(was: "fail" | "unknown" = "fail"): PublishedVersion {
  const measurements = good.map((m, i) =>
    i < 3 ? { ...m, outcome: "unknown" as const, undecided: ["slow"] } : m,
  );
  const plainly = publishedOf(measurements);
  const judged = plainly.judged.map((j) => (j.now === "unknown" ? { ...j, was } : j));
  const published = { ...plainly, judged };
  return {
    ...versionOf(measurements),
    ...{ published, again: published, rows: wholeRows(resultsTable([published])) },
  };
}
