import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

/** What is timed; each has its own page in docs/results. */
export const timingTopics = [
  "propagation",
  "fresh-node",
  "recovery-overload",
  "membership",
  "dead-cluster",
  "failover-delays",
] as const;
export type TimingTopic = (typeof timingTopics)[number];

const number = z.number();

const observationSchema = z.object({
  what: z.string().describe("What was timed. Observations with equal texts are one row of a table."),
  unit: z.enum(["ms", "share", "requests"]),
  value: number.nullable().describe("Null: it did not happen in `watchedMs`."),
  watchedMs: number.describe("How long it was watched for; with value null, the true value is larger."),
  errorMs: number.describe(
    "Bound of the instrument's error: the interval between requests, and the clocks' difference. A change that took time (`evidence.stoppedMs`) adds that time.",
  ),
  of: z.string().describe("The cluster that changed."),
  at: z.string().describe("The vantage point: `cluster/node`."),
  round: z.number().int().positive(),
  evidence: z
    .record(z.string(), number.nullable())
    .exactOptional()
    .describe(
      "Times of other events, in milliseconds after the same beginning; no row of a table is made of them.",
    ),
});
/** One figure at one vantage point. Times count from the moment at which the API server confirmed the change; a planted delay is the difference of two such times. */
export type Observation = Infer<typeof observationSchema>;

/** The error bound of an observed time, in milliseconds: the instrument's, and how long the change itself took. */
export const errorBoundMs = ({ errorMs, evidence }: Pick<Observation, "errorMs" | "evidence">): number =>
  errorMs + (evidence?.stoppedMs ?? 0);

const proberSchema = z.object({
  at: z.string(),
  latenessP99Ms: number,
  latenessMaxMs: number,
  clockErrorMs: number,
});
/** The instrument itself: METHOD's limits decide whether figures may be published. */
export type ProberQuality = Infer<typeof proberSchema>;

const identitySchema = z.object({
  lab: z.string(),
  settingHash: z.string(),
  sourceHash: z.string(),
  tuned: z.boolean(),
  calibrationMs: number.exactOptional(),
});
/** What was measured, and with what: only times of equal hashes are pooled. */
export type TimingIdentity = Infer<typeof identitySchema>;

export const timingSchema = z.object({
  schema: z.literal(1),
  topic: z.enum(timingTopics),
  suite: z.string(),
  test: z.string(),
  runId: z.string(),
  identity: identitySchema,
  everyMs: number.describe("The interval between requests of one stream."),
  observations: z.array(observationSchema),
  probers: z.array(proberSchema),
});
/** What one test timed: a file in `timings/` of a report. */
export type Timing = Infer<typeof timingSchema>;
/** The part of it that a test knows. */
export type Timed = Pick<Timing, "topic" | "everyMs" | "observations" | "probers">;

export const timingFormat: RecordFormat<Timing> = {
  schema: timingSchema,
  version: { key: "schema", current: 1 },
};

export const publishedRunSchema = z.object({
  runId: z.string(),
  commit: z.string().regex(/^[0-9a-f]{7,40}$/),
  cilium: z.string(),
  kubernetes: z.string(),
  lab: z.string(),
  nodes: z.array(z.string()).describe("`cluster: number of nodes`."),
  kernel: z.string(),
  imageSource: z.string(),
  budgets: z.record(z.string(), number),
  /** Tests that failed, whose figures count, and tests that the test machine spoiled, whose figures do not. */
  failed: z.array(z.string()),
  spoiled: z.array(z.string()),
  timings: z.array(timingSchema),
});
export type PublishedRun = Infer<typeof publishedRunSchema>;

const publishedTimingsSchema = z.object({ schema: z.literal(1), runs: z.array(publishedRunSchema) });
export type PublishedTimings = Infer<typeof publishedTimingsSchema>;
/** `reports/published/timings.json`. */
export const publishedTimingsFormat: RecordFormat<PublishedTimings> = {
  schema: publishedTimingsSchema,
  version: { key: "schema", current: 1 },
};
