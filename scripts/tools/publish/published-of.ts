import { join } from "node:path";
import { changedFigures } from "#harness/jobs/rejudge.ts";
import { budgetsIn, judgedAgain } from "#harness/judge/judged-again.ts";
import { judgeLosses } from "#harness/judge/measured.ts";
import { keyOf, troublesOf } from "#harness/judge/provenance.ts";
import { found } from "#harness/lib/found.ts";
import { readLosses } from "#harness/measure/loss-files.ts";
import { isCensored } from "#harness/model/figures.ts";
import { decodeLosses, type LossRecord } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { type Published, rowNameOf, type Spoiled } from "#harness/model/published.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { limits } from "#harness/report/published.ts";
import type { ReadCampaign } from "./campaigns.ts";

/** What only the publishing of a version knows. */
type Publishing = Pick<Published, "publishedAt" | "meshproof" | "missingCommits">;

/**
 * What `failover.json` of one version contains, from its campaigns alone: `npm test` makes it again and compares. Every
 * loss record is judged by the present rule; a measurement without one keeps its verdict, and the checker refuses it.
 */
export function publishedOf(
  campaigns: readonly ReadCampaign[],
  made: Publishing,
  records: readonly LossRecord[],
): Published {
  const all = campaigns.flatMap((c) => c.measurements);
  const losses = new Map(records.map((r) => [keyOf(r), decodeLosses(r)]));
  const judged = all
    .filter((m) => troublesOf(m).length === 0)
    .map((m) => {
      const own = losses.get(keyOf(m));
      const now = own === undefined ? { measurement: m, reasons: [] } : judgedAgain(m, own);
      return { ...now, was: m.outcome, run: m.campaign.run };
    });
  const measurements = judged.map(({ measurement }) => measurement);
  return {
    schema: 4,
    cilium: found(campaigns[0]?.cilium[0], "version of a campaign"),
    ...made,
    campaigns: campaigns.map((c) => c.record),
    limits: [...limits],
    budgets: [...Map.groupBy(measurements, rowNameOf).values()].map((of) => ({
      ...rowKeyOf(found(of[0], "measurement of a row")),
      ...budgetsIn(of.flatMap((m) => losses.get(keyOf(m)) ?? [])),
    })),
    spoiled: all.filter((m) => troublesOf(m).length > 0).map(spoiledOf),
    judged: judged
      .filter(({ measurement, was }) => measurement.outcome !== "pass" || was !== "pass")
      .map(({ measurement, was, run, reasons }) => ({
        ...rowKeyOf(measurement),
        ...{ runId: measurement.runId, at: measurement.at, run, was, now: measurement.outcome },
        reasons: reasons.slice(0, mostReasons),
      })),
    measurements,
  };
}

/** The other reasons are those of further vantage points. */
const mostReasons = 2;

/** The row of a measurement, as the records of a version name it. */
export const rowKeyOf = (m: Measurement) => ({
  scenario: m.scenario,
  affinity: m.affinity,
  tuned: m.tuned === true,
  application: m.application ?? "exits",
});

const spoiledOf = (m: Measurement): Spoiled => ({
  ...rowKeyOf(m),
  runId: m.runId,
  at: m.at,
  outcome: m.outcome,
  why: [...troublesOf(m)],
  outageMs: m.away.outageMs,
  censored: isCensored(m.away),
});

/** The loss records of campaigns. */
export const recordsOf = (campaigns: readonly ReadCampaign[], root = repoRoot()): LossRecord[] =>
  campaigns.flatMap((c) => readLosses(join(root, c.losses)));

/** Figures that the present method gives otherwise, one line each: a change of the verdict's rule changes none. */
export function changedFiguresOf(published: Published, records: readonly LossRecord[]): string[] {
  const losses = new Map(records.map((r) => [keyOf(r), r]));
  return published.measurements.flatMap((m) => {
    const record = losses.get(keyOf(m));
    if (record === undefined) return [];
    return changedFigures(m, judgeLosses(decodeLosses(record)).figures).map(
      ({ name, was, now }) => `${rowNameOf(m)}, ${m.at}: ${name} was ${was}, is ${now}`,
    );
  });
}
