import { keyOf, troublesOf } from "#harness/judge/provenance.ts";
import { found } from "#harness/lib/found.ts";
import { readLosses } from "#harness/measure/loss-files.ts";
import { isCensored } from "#harness/model/figures.ts";
import type { LossRecord } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { Published, Spoiled } from "#harness/model/published.ts";
import { limits } from "#harness/report/published.ts";
import type { ReadCampaign } from "./campaigns.ts";

/** What `failover.json` of one version contains, from its campaigns alone: `npm test` makes it again and compares. */
export function publishedOf(
  campaigns: readonly ReadCampaign[],
  made: Pick<Published, "publishedAt" | "meshproof">,
): Published {
  const all = campaigns.flatMap((c) => c.measurements);
  return {
    schema: 3,
    cilium: found(campaigns[0]?.cilium[0], "version of a campaign"),
    ...made,
    campaigns: campaigns.map((c) => c.record),
    limits: [...limits],
    spoiled: all.filter((m) => troublesOf(m).length > 0).map(spoiledOf),
    measurements: all.filter((m) => troublesOf(m).length === 0),
  };
}

const spoiledOf = (m: Measurement): Spoiled => ({
  scenario: m.scenario,
  affinity: m.affinity,
  tuned: m.tuned === true,
  application: m.application ?? "exits",
  runId: m.runId,
  at: m.at,
  outcome: m.outcome,
  why: [...troublesOf(m)],
  outageMs: m.away.outageMs,
  censored: isCensored(m.away),
});

/** The loss records of measurements, in their order. */
export function lossRecordsOf(files: readonly string[], measurements: readonly Measurement[]): LossRecord[] {
  const all = new Map(files.flatMap((file) => readLosses(file)).map((r) => [keyOf(r), r]));
  return measurements.flatMap((m) => all.get(keyOf(m)) ?? []);
}
