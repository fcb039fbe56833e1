import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { applications } from "./application.ts";
import { affinities, type Measurement, measurementSchema } from "./measurement.ts";

const outcome = z.enum(["pass", "fail", "unknown"]);

const rowKeySchema = z.object({
  scenario: z.string(),
  affinity: z.enum(affinities),
  tuned: z.boolean(),
  application: z.enum(applications),
});

const spoiledSchema = rowKeySchema.extend({
  runId: z.string(),
  at: z.string(),
  outcome,
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
});
/** What a plan demands of a row, and what of it was not reached. */
export type PlannedRow = Infer<typeof plannedRowSchema>;

const budgetsMs = z.array(z.number()).describe("Of lost time, distinct; the main vantage point's first.");
const rowBudgetsSchema = rowKeySchema.extend({ awayMs: budgetsMs, backMs: budgetsMs });
/** The budgets by which the runs of a row were judged; none in a window that was not judged. */
export type RowBudgets = Infer<typeof rowBudgetsSchema>;

const judgedRunSchema = rowKeySchema.extend({
  runId: z.string(),
  at: z.string(),
  run: z.number().int().positive(),
  was: outcome,
  now: outcome,
  /** By the present rule, without those that repeat the first few. */
  reasons: z.array(z.string()),
});
/** A run that does not pass by the present rule, or whose verdict the present rule changes. */
export type JudgedRun = Infer<typeof judgedRunSchema>;

const commandSchema = z.object({
  at: z.string(),
  commit: z.string().exactOptional(),
  /** Attempts that it ended, whatever their outcome. */
  runs: z.number().int().nonnegative(),
  /** `not stated`: killed, or measured before journals said so. */
  ended: z.enum(["nothing left", "limit", "ended early", "not stated"]),
  reason: z.string().exactOptional(),
});
/** A command that began or resumed a campaign. */
export type CampaignCommand = Infer<typeof commandSchema>;

const publishedCampaignSchema = z.object({
  name: z.string(),
  /** Paths from the root of the repository. */
  plan: z.string(),
  series: z.string(),
  /** The command that measures its figures again. */
  command: z.string(),
  commands: z.array(commandSchema),
  rows: z.array(plannedRowSchema),
});
/** A complete campaign: each of its runs was measured, or given up. */
export type PublishedCampaign = Infer<typeof publishedCampaignSchema>;

const publishedSchema = z.object({
  schema: z.literal(4),
  cilium: z.string(),
  publishedAt: z.string(),
  /** The commit that published them, from a tree without changes. */
  meshproof: z.string(),
  /** Commits that measured and that the repository does not have. */
  missingCommits: z.array(z.string()),
  campaigns: z.array(publishedCampaignSchema),
  limits: z.array(z.string()),
  budgets: z.array(rowBudgetsSchema),
  spoiled: z.array(spoiledSchema),
  /** By the verdict rule of this commit, which judged every loss record again: `npm test` compares. */
  judged: z.array(judgedRunSchema),
  measurements: z.array(measurementSchema),
});
/**
 * `reports/published/<cilium version>/failover.json`: the figures of real runs, unedited, with verdicts by the present
 * rule; the verdicts of the time of measuring are in the series.
 */
export type Published = Infer<typeof publishedSchema>;

export const publishedFormat: RecordFormat<Published> = {
  schema: publishedSchema,
  version: { key: "schema", current: 4 },
};

/** What names a row; a measurement outside a campaign may lack tuning and application. */
export type RowKey = Pick<Measurement, "scenario" | "affinity" | "tuned" | "application">;

/** Names a row of a version: what its measurements have in common. */
export const rowNameOf = ({ scenario, affinity, application, tuned }: RowKey): string =>
  [scenario, affinity, application, tuned === true ? "tuned" : "untuned"].join(", ");

export const isSameRow = (a: RowKey, b: RowKey): boolean => rowNameOf(a) === rowNameOf(b);

export const plannedRows = (campaigns: readonly PublishedCampaign[]): PlannedRow[] =>
  campaigns.flatMap(({ rows }) => rows);

/** Columns that name a row of the tables of figures. */
export const keyColumns = ["Cilium", "lab", "what happens", "affinity", "application"] as const;

/** Columns of the tables of figures, by table: what clients lose, after healing, and what it depends on. */
export const tableColumns = {
  "During the fault": [
    "n",
    "failed of n",
    "lost something",
    "lost time, median (largest)",
    "outage, median (interval)",
    "largest",
    "worst vantage point",
  ],
  "After healing, and slow answers": [
    "lost something after healing",
    "after healing, median (largest)",
    "worst vantage point after healing",
    "slow answers",
    "held for",
  ],
  "Links of the chain, and the machine": [
    "Kubernetes",
    "before Kubernetes announced it",
    "after Kubernetes announced it",
    "accounted for",
    "notes",
  ],
} as const;

export const columns = [...keyColumns, ...Object.values(tableColumns).flat()] as const;

/** A row of the tables of figures, by column. */
export type Row = Readonly<Record<(typeof columns)[number], string>>;
