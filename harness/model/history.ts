import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * How one request of a prober ended. `refused`: the peer answered with a reset; `timeout`: nothing came;
 * `wrong-backend`: a good answer, of a pod that does not belong to the service.
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
  /** When it was really sent: `sentMs - dueMs` is the prober's scheduling error. */
  sentMs: z.number(),
  /** When its answer was complete, or its failure known. */
  endMs: z.number(),
  outcome: z.enum(sampleOutcomes),
  /** The pod that answered, as it names itself. */
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
/** Something that was done to the mesh while the prober ran, on the prober's clock. */
export type Mark = Infer<typeof markSchema>;

/**
 * What a request travels on: `new`, a TCP connection of its own; `reused`, HTTP keep-alive; `tcp`, a heartbeat on one
 * raw connection; `udp`, datagrams of one flow; `dns`, a name asked of the pod's own resolver, with no connection at all.
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
  /** Unix milliseconds of the prober's zero: aligns histories with packet captures and with what agents say. */
  startedAtUnixMs: z.number(),
});
/** The first line of a history's file (`reports/README.md` documents the format). */
export type HistoryHead = Infer<typeof historyHeadSchema>;

export const historyFootSchema = z.object({
  marks: z.array(markSchema),
  /** CPU of the prober process over the run, as a share of one core; all streams of a prober share it. */
  cpuShare: z.number(),
  /** Bound of the difference between the prober's clock and the harness's, from the quickest line that came across. */
  clockErrorMs: z.number(),
});
/** The last line. A file without one was cut off. */
export type HistoryFoot = Infer<typeof historyFootSchema>;

/** All that a prober saw on one stream, self-contained: judged later, by pure functions. */
export interface History extends HistoryHead, HistoryFoot {
  readonly samples: Samples;
  /** Requests of the same prober to its own loopback: they tell the rig's trouble from the mesh's. */
  readonly control: Samples;
}
