import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { connections, sampleOutcomes } from "./history.ts";

const streamSpecSchema = z.strictObject({
  host: z.string(),
  port: z.number(),
  path: z.string(),
  everyMs: z.number(),
  timeoutMs: z.number(),
  connection: z.enum(connections),
});
export type StreamSpec = Infer<typeof streamSpecSchema>;

const probeSpecSchema = z.strictObject({
  /** Unused by the prober; the host finds the prober's process by it. */
  mark: z.string(),
  /** All on one clock, each with its own schedule. */
  streams: z.array(streamSpecSchema),
  /** Interval of the requests to the prober's own loopback; one schedule for all streams, since they share a processor. */
  controlEveryMs: z.number(),
});
/** The prober's configuration, passed as one JSON argument. */
export type ProbeSpec = Infer<typeof probeSpecSchema>;

const outcome = z.enum(sampleOutcomes);
const requestColumns = [
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  outcome,
  z.string(),
  z.string(),
] as const;
const wireRequestSchema = z.tuple(requestColumns);
/** seq, dueMs, sentMs, endMs, outcome, servedBy, detail. */
export type WireRequest = Infer<typeof wireRequestSchema>;

const wireSampleSchema = z.tuple([z.number(), ...requestColumns]);
/** A sample, preceded by the index of its stream. */
export type WireSample = Infer<typeof wireSampleSchema>;

const batchSchema = z.object({
  samples: z.array(wireSampleSchema),
  control: z.array(wireRequestSchema),
  nowMs: z.number(),
});
type ProbeBatch = Infer<typeof batchSchema>;

const probeEventSchema = z.union([
  z.object({ hello: z.object({ startedAtUnixMs: z.number() }) }),
  z.object({ bye: z.object({ cpuShare: z.number() }) }),
]);
/** Lines that the prober prints. Times are milliseconds since its own start. */
export type ProbeLine = Infer<typeof probeEventSchema> | ProbeBatch;

/**
 * A line of the prober; undefined for any other text. The samples in it are not validated, for speed: there are a
 * thousand per second, and the prober runs the same version of this code.
 */
export function readProbeLine(line: string): ProbeLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isBatch(value) ? value : probeEventSchema.safeParse(value).data;
}

function isBatch(value: unknown): value is ProbeBatch {
  if (typeof value !== "object" || value === null) return false;
  const { samples, control, nowMs } = value as Partial<Record<keyof ProbeBatch, unknown>>;
  return Array.isArray(samples) && Array.isArray(control) && typeof nowMs === "number";
}

const askTargetSchema = z.strictObject({
  protocol: z.enum(["http", "udp", "tcp"]),
  host: z.string(),
  port: z.number(),
  path: z.string(),
  count: z.number(),
  /**
   * Fills the path up, so that the request has so many bytes in all; the body of an answer is then `filled`. `echoed`: the
   * answer must return the filling.
   */
  fill: z.strictObject({ bytes: z.number(), echoed: z.boolean() }).exactOptional(),
});
export type AskTarget = Infer<typeof askTargetSchema>;

const askSpecSchema = z.strictObject({
  asks: z.array(askTargetSchema),
  timeoutMs: z.number(),
  concurrency: z.number(),
  /**
   * Sends the requests of each target at this interval, whatever became of earlier ones; `concurrency` does not count
   * then. Without it, as fast as answers come.
   */
  everyMs: z.number().exactOptional(),
});
/** A batch of single requests, all answered in one reply. */
export type AskSpec = Infer<typeof askSpecSchema>;

const askAnswerSchema = z.object({
  outcome,
  body: z.string(),
  detail: z.string(),
  ms: z.number(),
  /** When the request was sent, since the prober's start; only of requests at an interval. */
  sentMs: z.number().exactOptional(),
});
export type AskAnswer = Infer<typeof askAnswerSchema>;

const askReplySchema = z.object({ answers: z.array(z.array(askAnswerSchema)) });
/** One list of answers for each target, in order. */
export type AskReply = Infer<typeof askReplySchema>;

export const askReplyFormat: RecordFormat<AskReply> = { schema: askReplySchema };

const echoSpecSchema = z.strictObject({
  port: z.number(),
  /** How long to serve on after SIGTERM; null: until it is killed. */
  serveOnMs: z.number().nullable(),
});
/** The configuration of the server of heartbeats. */
export type EchoSpec = Infer<typeof echoSpecSchema>;

const holdSpecSchema = z.strictObject({
  mark: z.string(),
  port: z.number(),
  delayMs: z.number(),
  cert: z.string(),
  key: z.string(),
});
/** The configuration of the admission webhook that delays requests; the certificates are PEM. */
export type HoldSpec = Infer<typeof holdSpecSchema>;

const holdLineSchema = z.union([
  z.object({ listening: z.number() }),
  z.object({ name: z.string(), heldMs: z.number(), untilUnixMs: z.number() }),
]);
/** Its output: its start, then one line for each delayed request. */
export type HoldLine = Infer<typeof holdLineSchema>;

export const holdLineFormat: RecordFormat<HoldLine> = { schema: holdLineSchema };
