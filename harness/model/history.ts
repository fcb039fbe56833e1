import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * How one request of a prober ended. `refused`: the peer answered with a reset; `timeout`: no answer;
 * `wrong-backend`: a correct answer from a pod that does not belong to the service.
 */
export const sampleOutcomes = [
  "ok",
  "timeout",
  "refused",
  "unreachable",
  "reset",
  "bad-answer",
  "error",
  "wrong-backend",
] as const;
export type SampleOutcome = (typeof sampleOutcomes)[number];
const outcomeSet: ReadonlySet<unknown> = new Set(sampleOutcomes);
export const isSampleOutcome = (value: unknown): value is SampleOutcome => outcomeSet.has(value);

const sampleSchema = z.object({
  seq: z.number().int().nonnegative(),
  /** When the request was due. */
  dueMs: z.number(),
  /** When it was sent; `sentMs - dueMs` is the prober's scheduling error. */
  sentMs: z.number(),
  /** When its answer was complete or its failure was known. */
  endMs: z.number(),
  outcome: z.enum(sampleOutcomes),
  /** The name that the answering pod reports. */
  servedBy: z.string().exactOptional(),
  /** The cluster that answered. */
  cluster: z.string().exactOptional(),
  detail: z.string().exactOptional(),
});
/** One request. Times are milliseconds since the prober's own start, on its monotonic clock. */
export type Sample = Infer<typeof sampleSchema>;

/** Samples in the order in which they were sent. */
export interface Samples {
  readonly length: number;
  [Symbol.iterator](): Iterator<Sample>;
}

const markSchema = z.object({ name: z.string(), atMs: z.number() });
/** An action on the mesh while the prober ran, on the prober's clock. */
export type Mark = Infer<typeof markSchema>;

/**
 * What a request uses: `new`, a new TCP connection; `reused`, HTTP keep-alive; `tcp`, a heartbeat on one raw connection;
 * `udp`, datagrams of one flow; `dns`, a look-up through the pod's own resolver, without a connection.
 */
export const connections = ["new", "reused", "tcp", "udp", "dns"] as const;
export type Connection = (typeof connections)[number];
export type KeptConnection = Exclude<Connection, "new" | "dns">;

export const isKept = (connection: Connection): connection is KeptConnection =>
  connection !== "new" && connection !== "dns";

export const historyHeadSchema = z.object({
  title: z.string(),
  vantage: z.string(),
  target: z.string(),
  everyMs: z.number(),
  timeoutMs: z.number(),
  connection: z.enum(connections),
  startedAt: z.string(),
  /** Unix milliseconds of the prober's zero: aligns histories with packet captures and agents' output. */
  startedAtUnixMs: z.number(),
});
/** The first line of a history file (`reports/README.md` documents the format). */
export type HistoryHead = Infer<typeof historyHeadSchema>;

export const historyFootSchema = z.object({
  marks: z.array(markSchema),
  /** CPU of the prober process over the run, as a share of one core; all streams of a prober share it. */
  cpuShare: z.number(),
  /** Bound of the difference between the prober's clock and the harness's, from the line with the shortest transit. */
  clockErrorMs: z.number(),
});
/** The last line. A file without it was truncated. */
export type HistoryFoot = Infer<typeof historyFootSchema>;

/** Everything that a prober recorded on one stream; self-contained, judged later by pure functions. */
export interface History extends HistoryHead, HistoryFoot {
  readonly samples: Samples;
  /** Requests of the same prober to its own loopback: they distinguish trouble of the test machine from trouble of the mesh. */
  readonly control: Samples;
}
