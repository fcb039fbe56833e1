import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

const at = z.string();
const ms = z.number().nonnegative();
const lab = z.number().int().positive();

/** One line of a campaign's `journal.ndjson`. */
const entrySchema = z.discriminatedUnion("event", [
  /** A command that began or resumed the campaign. */
  z.object({
    event: z.literal("started"),
    at,
    plan: z.string(),
    meshproof: z.string(),
    commit: z.string().exactOptional(),
  }),
  /** A lab was created; `id` also stands in its measurements. */
  z.object({ event: z.literal("lab created"), at, lab, setting: z.string(), id: z.string(), ms }),
  z.object({ event: z.literal("lab removed"), at, lab, ms }),
  /** The time of a suite's set-up and clean-up. */
  z.object({ event: z.literal("set-up"), at, lab, suite: z.string(), ms }),
  z.object({
    event: z.literal("run"),
    at,
    lab,
    row: z.string(),
    run: z.number().int().positive(),
    /** `no figure`: the run ended before there was a measurement; the series does not contain it. */
    outcome: z.enum(["pass", "fail", "unknown", "no figure"]),
    ms,
    reasons: z.array(z.string()).exactOptional(),
  }),
  /** How a command ended; after `started` and without it, it was killed. A choice of runs by their result would show. */
  z.object({
    event: z.literal("stopped"),
    at,
    why: z.enum(["nothing left", "limit", "ended early"]),
    reason: z.string().exactOptional(),
  }),
]);
/**
 * What a campaign did besides its measurements: durations, for the estimate of the time left, and the runs that gave
 * no figure. A campaign can resume without it.
 */
export type CampaignEntry = Infer<typeof entrySchema>;

export const campaignEntryFormat: RecordFormat<CampaignEntry> = { schema: entrySchema };
