import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { applications } from "./application.ts";
import { settingRecordSchema } from "./setting.ts";
import type { Outcome } from "./verdict.ts";

export const affinities = ["local", "remote", "none"] as const;
export type Affinity = (typeof affinities)[number];

/** The chain of causes, in the order in which a change travels. */
export const boundaries = [
  "fault begun",
  "EndpointSlice changed",
  "kvstore changed",
  "peer's cache changed",
  "agent updated",
  "BPF map changed",
  "traffic stable",
] as const;
export type Boundary = (typeof boundaries)[number];

const ms = z.number();
const count = z.number().int().nonnegative();
const losses = z.record(z.string(), z.number().int());

/**
 * Raise it whenever the same traffic would give another figure. Version 3 counts losses until the end of the window
 * (an outage no longer ends at the first quiet second), latency from the time at which a request was due, and gives
 * every figure for every vantage point, away and back.
 */
export const methodVersion = 3;

/** An answered request that took longer, counted from the time at which it was due, is slow. */
export const slowMs = 250;

/** A window of observation has recovered if nothing was lost in this last part of it. */
export const recoveryMs = 5000;

/** A run waits for this long without a loss before it injects, so that the judged window contains a whole recovery. */
export const quietBeforeMs = 1.1 * recoveryMs;

/**
 * A run waits for at most so long until the p99 of the latency is at most so high: what has just been deployed still
 * works, and its first answers are slow. A machine that never is that calm is measured as it is, and `before` says so.
 */
export const calmBefore = { withinMs: 60_000, p99Ms: slowMs / 5 };

/** Losses with at least this long without a loss between them belong to different bursts. */
export const burstQuietMs = 1000;

export const latencySchema = z
  .object({ p50Ms: ms, p99Ms: ms, p999Ms: ms, maxMs: ms })
  .describe(
    "Latency of the answered requests, from the time at which each was due to the end of its answer.",
  );
export type Latency = Infer<typeof latencySchema>;

const answersSchema = z.object({
  sent: count,
  lost: count,
  slow: count.describe("Answered requests that took more than 250 ms; none of them is lost."),
  latency: latencySchema.nullable().describe("Null if nothing was answered."),
});
/** The requests of an interval. */
export type Answers = Infer<typeof answersSchema>;

const disturbance = answersSchema.extend({
  windowMs: ms.describe("Length of the window: from injection to healing, or from healing to the end."),
  recovered: z
    .boolean()
    .describe(
      "Nothing was lost in the last 5 s of the window. False for a window of less than 5 s, which shows no recovery.",
    ),
  censored: z
    .boolean()
    .describe(
      "The last loss of the window was followed by no good answer in it: lostTimeMs, longestGapMs and outageMs are lower bounds.",
    ),
  firstLossMs: ms.nullable().describe("When the first lost request was sent, after the window's beginning."),
  lastLossMs: ms.nullable().describe("The same for the last lost request of the whole window."),
  bursts: count.describe("Groups of losses; at least a second without a loss lies between two groups."),
  lostTimeMs: ms.describe("Sum of the intervals between consecutive good answers that contain a loss."),
  longestGapMs: ms.describe("The longest of those intervals."),
  outageMs: ms.describe(
    "From the last good request before the first loss to the first one after the last loss: a span, which may contain good answers.",
  ),
  lossOutcomes: losses.describe("Lost requests by kind."),
});
/** What one vantage point saw in one window. Times count from the beginning of the window. */
export type Disturbance = Infer<typeof disturbance>;

const vantageFigures = disturbance
  .extend({
    title: z.string(),
    cluster: z.string().describe("The cluster of the service address."),
    everyMs: ms,
    latenessP99Ms: ms,
    back: disturbance,
    before: answersSchema,
  })
  .describe("Another vantage point: its own keys are `away`, from the injection to the healing.");
export type VantageFigures = Infer<typeof vantageFigures>;

export const connectionFiguresSchema = z.object({
  kind: z.enum(["http keep-alive", "tcp heartbeat", "udp flow"]),
  fate: z
    .enum(["survived", "reset", "stalled"])
    .describe("What happened to a connection that was open at injection, until the end of the measurement."),
  longestGapMs: ms.describe("The longest time without an answer."),
  lost: z.number().int(),
  lossOutcomes: losses,
});
export type ConnectionFigures = Infer<typeof connectionFiguresSchema>;

const phases = z.object({
  seen: z
    .array(
      z.object({
        boundary: z.enum(boundaries),
        afterMs: ms.nullable(),
        errorMs: ms.describe("Error bound of the timestamp."),
      }),
    )
    .describe(
      "Each boundary on this client's path, observed independently; null means that it was not observed.",
    ),
  lastGoodAfterMs: ms.nullable(),
  firstErrorAfterMs: ms.nullable(),
  firstNewAfterMs: ms.nullable(),
  stableAfterMs: ms.nullable(),
  links: z
    .array(
      z.object({
        upTo: z.enum(boundaries),
        ms,
        errorMs: ms.describe("Error bounds of its two boundaries together."),
        resolved: z
          .boolean()
          .describe("False if that error exceeds 25 % of the link: it reads `not resolved`."),
      }),
    )
    .describe("The outage, divided at the boundaries into the time that each link took."),
  accountedMs: ms.describe("Time accounted for: sum of the links."),
  accountedErrorMs: ms.describe(
    "Error bound of that sum: the bounds of the first and the last boundary of each part.",
  ),
  unexplainedMs: ms.describe(
    "Time not accounted for: between boundaries of which one was not observed; it is not distributed among the links.",
  ),
});
export type Phases = Infer<typeof phases>;

/** `no git`: nothing says whether it was changed. */
export const sourceTrees = ["clean", "changed", "no git"] as const;
export type SourceTree = (typeof sourceTrees)[number];

export const settingSchema = z
  .object({
    cilium: z.string(),
    kubernetes: z.string(),
    kernel: z.string(),
    machine: z.string(),
    imageSource: z.string(),
  })
  .describe(
    "The main points of what figures depend on besides the scenario, for tables; `settingRecord` has all of it.",
  );
export type Setting = Infer<typeof settingSchema>;

const campaignStampSchema = z
  .object({
    name: z.string(),
    part: z.string().exactOptional(),
    plan: z.string().describe("Hash of the plan; a series never contains two of them."),
    row: z.string(),
    run: z.number().int().positive().describe("Which run of its row, counted from one."),
    lab: z.number().int().positive().describe("Which lab of the campaign, counted from one."),
    commit: z
      .string()
      .exactOptional()
      .describe("The last commit that changed the sources; see `sourceTree` too."),
  })
  .describe("The place of a measurement in the campaign (`measure PLAN`) that made it.");
export type CampaignStamp = Infer<typeof campaignStampSchema>;

/**
 * One measured disturbance: its effect on clients, and the time that each link of the chain took. The unit of
 * distributions, baselines and published figures. Times in milliseconds; those named `after` count from the fault.
 */
export const measurementSchema = z.object({
  method: z
    .number()
    .int()
    .describe("Version of the method, raised when it would give a different figure for the same traffic."),
  scenario: z.string(),
  affinity: z.enum(affinities),
  struck: z.string().describe("The cluster that the fault targeted."),
  client: z.string().describe("The cluster whose clients the main figures describe."),
  runId: z.string(),
  at: z.string(),
  setting: settingSchema,
  outcome: z
    .enum(["pass", "fail", "unknown"])
    .describe(
      "`unknown` if the test machine spoiled the measurement, which then gives no figure, or if only its verdict is open: see `undecided`.",
    ),
  lab: z
    .string()
    .exactOptional()
    .describe("The lab that was measured: its name and the run id of the `up` that created it."),
  settingHash: z
    .string()
    .exactOptional()
    .describe("Hash of everything of the lab and the machine that can change a figure."),
  settingRecord: settingRecordSchema
    .exactOptional()
    .describe("What `settingHash` is the hash of, so that two settings can be compared by name."),
  sourceHash: z.string().exactOptional().describe("Hash of the sources that can affect the measurement."),
  sourceTree: z
    .enum(sourceTrees)
    .exactOptional()
    .describe("Whether those sources, and what they are built with, are as committed."),
  tuned: z.boolean().exactOptional().describe("Whether the lab has Meshproof's tuning."),
  application: z
    .enum(applications)
    .exactOptional()
    .describe("How the backends end: they exit at once, drain first, or are killed."),
  calibrationMs: ms.exactOptional().describe("Time that the lab's machine took for a fixed task."),
  seed: z.number().int().exactOptional().describe("Of the random order of scenarios."),
  campaign: campaignStampSchema.exactOptional(),
  undecided: z
    .array(z.string())
    .exactOptional()
    .describe(
      "Why the verdict is unknown although the figures are sound: Kubernetes, or the machine, was slow. Leaving them out would cut the longest outages off.",
    ),
  machineTroubles: z
    .array(z.string())
    .describe(
      "Why the figures must not be published (lateness, stalls or clock error of a prober); empty if they may.",
    ),
  heldForMs: ms.describe("How long the fault was in force."),
  before: answersSchema.describe("At the main vantage point, before the injection."),
  away: disturbance.describe("At the main vantage point, from the injection to the healing."),
  back: disturbance.describe("The same, from the healing on."),
  phases,
  others: z.array(vantageFigures),
  connections: z.array(connectionFiguresSchema),
  prober: z.object({
    latenessP99Ms: ms,
    cpuShare: z.number(),
    allCpuShare: z.number(),
    everyMs: ms,
    sent: z.number().int(),
  }),
});
export type Measurement = Infer<typeof measurementSchema>;

/** Whether a measurement gives figures, whatever its verdict. */
export const givesFigures = ({
  outcome,
  undecided,
}: Pick<Measurement, "undecided"> & { readonly outcome: Outcome }): boolean =>
  outcome !== "unknown" || undecided !== undefined;

/** The same measurement once the host's samples show that the machine spoiled it. */
export function spoiledByHost({ undecided: _, ...m }: Measurement): Measurement {
  return { ...m, outcome: "unknown" };
}

export const measurementFormat: RecordFormat<Measurement> = { schema: measurementSchema };
