import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { applications } from "./application.ts";
import { affinities, type Measurement, measurementSchema } from "./measurement.ts";

const rowKeySchema = z.object({
  scenario: z.string(),
  affinity: z.enum(affinities),
  tuned: z.boolean(),
  application: z.enum(applications),
});

const spoiledSchema = rowKeySchema.extend({
  runId: z.string(),
  at: z.string(),
  outcome: z.enum(["pass", "fail", "unknown"]),
  why: z.array(z.string()),
  outageMs: z.number(),
  /** The outage is only a lower bound. */
  censored: z.boolean(),
});
/** A measurement whose figures are not published because the test machine spoiled it. */
export type Spoiled = Infer<typeof spoiledSchema>;

const attemptSchema = z.object({
  run: z.number().int().positive(),
  at: z.string(),
  reasons: z.array(z.string()),
});
const plannedRowSchema = rowKeySchema.extend({
  runs: z.number().int().positive(),
  labs: z.number().int().positive(),
  /** Runs that gave no figure that counts, however often they were tried. */
  givenUp: z.number().int().nonnegative(),
  /** Attempts that ended before there was a measurement. */
  withoutFigure: z.array(attemptSchema),
  /** Measured runs that did not pass, with the budget that each missed. */
  notPassed: z.array(attemptSchema),
});
/** What a plan demands of a row, and what of it was not reached. */
export type PlannedRow = Infer<typeof plannedRowSchema>;

const publishedCampaignSchema = z.object({
  name: z.string(),
  /** Paths from the root of the repository. */
  plan: z.string(),
  series: z.string(),
  /** The command that measures its figures again. */
  command: z.string(),
  rows: z.array(plannedRowSchema),
});
/** A complete campaign: each of its runs was measured, or given up. */
export type PublishedCampaign = Infer<typeof publishedCampaignSchema>;

const publishedSchema = z.object({
  schema: z.literal(3),
  cilium: z.string(),
  publishedAt: z.string(),
  /** The commit that published them, from a tree without changes. */
  meshproof: z.string(),
  campaigns: z.array(publishedCampaignSchema),
  limits: z.array(z.string()),
  spoiled: z.array(spoiledSchema),
  measurements: z.array(measurementSchema),
});
/** `reports/published/<cilium version>/failover.json`: the figures of real runs, unedited. */
export type Published = Infer<typeof publishedSchema>;

export const publishedFormat: RecordFormat<Published> = {
  schema: publishedSchema,
  version: { key: "schema", current: 3 },
};

/** What names a row; a measurement outside a campaign may lack tuning and application. */
export type RowKey = Pick<Measurement, "scenario" | "affinity" | "tuned" | "application">;

/** Names a row of a version: what its measurements have in common. */
export const rowNameOf = ({ scenario, affinity, application, tuned }: RowKey): string =>
  [scenario, affinity, application, tuned === true ? "tuned" : "untuned"].join(", ");

export const isSameRow = (a: RowKey, b: RowKey): boolean => rowNameOf(a) === rowNameOf(b);

export const plannedRows = (campaigns: readonly PublishedCampaign[]): PlannedRow[] =>
  campaigns.flatMap(({ rows }) => rows);

/** Columns of the tables of figures. */
export const columns = [
  "Cilium",
  "lab",
  "what happens",
  "affinity",
  "application",
  "n",
  "failed of n",
  "outage, median (interval)",
  "largest",
  "lost time, median (largest)",
  "worst vantage point",
  "slow answers",
  "after healing, median (largest)",
  "worst vantage point after healing",
  "held for",
  "accounted for",
  "after Kubernetes announced it",
] as const;

/** A row of the tables of figures, by column. */
export type Row = Readonly<Record<(typeof columns)[number], string>>;
