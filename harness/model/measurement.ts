import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

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
const losses = z.record(z.string(), z.number().int());

const disturbance = z.object({
  recovered: z
    .boolean()
    .describe(
      "False: requests were still being lost when the horizon ended; then outageMs is a lower bound.",
    ),
  outageMs: ms,
  longestGapMs: ms,
  lost: z.number().int(),
  lossOutcomes: losses,
});
export type Disturbance = Infer<typeof disturbance>;

const vantageFigures = disturbance.extend({ title: z.string(), everyMs: ms, latenessP99Ms: ms });
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
    .array(z.object({ upTo: z.enum(boundaries), ms }))
    .describe("The outage, divided at the boundaries into the time that each link took."),
  unexplainedMs: ms.describe(
    "Time between boundaries of which one was not observed; it is not distributed among the links.",
  ),
});
export type Phases = Infer<typeof phases>;

export const settingSchema = z
  .object({
    cilium: z.string(),
    kubernetes: z.string(),
    kernel: z.string(),
    machine: z.string(),
    imageSource: z.string(),
  })
  .describe(
    "What figures depend on besides the scenario. Only measurements with equal settings are compared.",
  );
export type Setting = Infer<typeof settingSchema>;

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
    .describe("`unknown` if the test machine spoiled the measurement; it then gives no figure."),
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

export const measurementFormat: RecordFormat<Measurement> = { schema: measurementSchema };
