import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { applications } from "./application.ts";
import { affinities, measurementSchema } from "./measurement.ts";

const spoiledSchema = z.object({
  scenario: z.string(),
  affinity: z.enum(affinities),
  tuned: z.boolean(),
  application: z.enum(applications),
  runId: z.string(),
  at: z.string(),
  why: z.array(z.string()),
});
/** A measurement that is not published because the test machine spoiled it. */
export type Spoiled = Infer<typeof spoiledSchema>;

const publishedSchema = z.object({
  schema: z.literal(2),
  cilium: z.string(),
  publishedAt: z.string(),
  /** The commit that published them, from a tree without changes. */
  meshproof: z.string(),
  /** The command that measures the figures again. */
  command: z.string(),
  /** The series, as they are in this repository: paths from its root. */
  series: z.array(z.string()),
  limits: z.array(z.string()),
  spoiled: z.array(spoiledSchema),
  measurements: z.array(measurementSchema),
});
/** `reports/published/<cilium version>/failover.json`: the figures of real runs, unedited. */
export type Published = Infer<typeof publishedSchema>;

export const publishedFormat: RecordFormat<Published> = {
  schema: publishedSchema,
  version: { key: "schema", current: 2 },
};

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
] as const;

/** A row of the tables of figures, by column. */
export type Row = Readonly<Record<(typeof columns)[number], string>>;
