import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { chainRecordSchema } from "./chain.ts";
import { connections, type SampleOutcome } from "./history.ts";
import { affinities, latencySchema } from "./measurement.ts";

const ms = z.number();
const count = z.number().int().nonnegative();

/** Result of the requests of a run: a loss by its kind, or an answer: in time, or slow. */
export type RunKind = Exclude<SampleOutcome, "ok"> | "good" | "slow";

/** Consecutive requests with the same result, in the order of their numbers; times on the prober's clock. */
export interface LossRun {
  readonly kind: RunKind;
  readonly count: number;
  /** When its first and its last request were sent. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export const isLoss = ({ kind }: LossRun): boolean => kind !== "good" && kind !== "slow";

const letterOf: Readonly<Record<RunKind, string>> = {
  good: "g",
  slow: "s",
  timeout: "t",
  refused: "f",
  unreachable: "u",
  reset: "r",
  "bad-answer": "b",
  error: "e",
  "wrong-backend": "w",
};
const kindOf = new Map(Object.entries(letterOf).map(([kind, letter]) => [letter, kind as RunKind]));

/**
 * Runs as text, such as `g2001@0~1000003 f81@502~40010`: letter of the kind, number of requests, `@` hundredths of a
 * millisecond since the previous run's last request, `~` hundredths from its own first to its last request (absent for
 * one request). The first run counts from zero.
 */
export function runsToText(runs: readonly LossRun[]): string {
  let before = 0;
  return runs
    .map(({ kind, count: of, firstMs, lastMs }) => {
      const first = Math.round(firstMs * 100);
      const last = Math.round(lastMs * 100);
      const text = `${letterOf[kind]}${of}@${first - before}${of > 1 ? `~${last - first}` : ""}`;
      before = last;
      return text;
    })
    .join(" ");
}

/** The inverse; the schema has checked the text. */
export function textToRuns(text: string): LossRun[] {
  let before = 0;
  return [...text.matchAll(/([a-z])(\d+)@(-?\d+)(?:~(-?\d+))?/g)].map(
    ([, letter = "", of, offset, span = "0"]) => {
      const first = before + Number(offset);
      before = first + Number(span);
      const kind = kindOf.get(letter);
      if (kind === undefined) throw new TypeError(`no kind of run has the letter ${letter}`);
      return { kind, count: Number(of), firstMs: first / 100, lastMs: before / 100 };
    },
  );
}

const letters = [...kindOf.keys()].join("");
const runsSchema = z
  .string()
  .regex(
    new RegExp(`^(?:[${letters}]\\d+@-?\\d+(?:~-?\\d+)?(?: (?!$)|$))*$`),
    "expected run-length-coded requests",
  );

/** The requests that were sent in a part of a history, with all that a verdict needs of them. */
export const windowRecordSchema = z.object({
  /** Its beginning and its end. */
  sinceMs: ms,
  untilMs: ms,
  runs: runsSchema,
  /** Exact, because runs do not keep it. */
  latency: latencySchema.nullable(),
  /** By cluster that answered: number, end of the first answer, end of the last one, and when its request was sent. */
  answers: z.record(z.string(), z.tuple([count, ms, ms, ms])),
  prober: z.object({
    latenessP99Ms: ms.nullable(),
    latenessMaxMs: ms.nullable(),
    controlSent: count,
    controlLost: count,
  }),
});
export type WindowRecord = Infer<typeof windowRecordSchema>;
/** The same with its runs as objects, as they are judged. */
export type Window = Omit<WindowRecord, "runs"> & { readonly runs: readonly LossRun[] };

export const encodeWindow = (window: Window): WindowRecord => ({
  ...window,
  runs: runsToText(window.runs),
});
export const decodeWindow = (record: WindowRecord): Window => ({
  ...record,
  runs: textToRuns(record.runs),
});

const limitsSchema = z.object({
  lostTimeMs: ms.describe("The most lost time."),
  longestGapMs: ms.describe("The longest gap between two good answers with a loss between them."),
  bursts: count.describe("The most bursts of losses."),
});
/** Budgets of one window of one vantage point. */
export type LossLimits = Infer<typeof limitsSchema>;

const moveSchema = z.object({
  from: z.array(z.string()),
  to: z.array(z.string()),
  withinMs: ms.describe("A first answer of the new clusters later than this is late, which is a failure."),
});
/** Traffic must leave some clusters and be served by others. */
export type Move = Infer<typeof moveSchema>;

const share = z.number().min(0).max(1);
const shareSchema = z.tuple([share, share]);
/** The least and the greatest share. */
export type ShareRange = Infer<typeof shareSchema>;

const pointRecordSchema = z.object({
  title: z.string(),
  vantage: z.string(),
  target: z.string(),
  /** The cluster of the service address. */
  cluster: z.string(),
  connection: z.enum(connections),
  everyMs: ms,
  timeoutMs: ms,
  startedAtUnixMs: ms,
  clockErrorMs: ms,
  cpuShare: ms,
  /** Samples that never arrived. */
  missing: count,
  before: windowRecordSchema,
  away: windowRecordSchema,
  back: windowRecordSchema,
  /** What was expected of it; without limits a window was measured and not judged. */
  expected: z.object({
    away: limitsSchema.exactOptional(),
    move: moveSchema.exactOptional(),
    lostAtEnd: shareSchema
      .exactOptional()
      .describe("The least and the greatest share of requests lost just before the healing."),
    back: limitsSchema.exactOptional(),
  }),
});
/** The requests of one vantage point: before the injection, from it to the healing, and from the healing on. */
export type PointRecord = Infer<typeof pointRecordSchema>;

/** A window of a measurement that is judged on its own. */
export const windowNames = ["before", "away", "back"] as const;
export type WindowName = (typeof windowNames)[number];
type OfWindows<T> = Readonly<Record<WindowName, T>>;
/** A vantage point with its windows as they are judged. */
export type Point = Omit<PointRecord, WindowName> & OfWindows<Window>;

export const lossRecordSchema = z.object({
  format: z.literal("meshproof-losses/1"),
  method: z.number().int(),
  /** Together with `at`, these name the measurement. */
  runId: z.string(),
  at: z.string(),
  scenario: z.string(),
  affinity: z.enum(affinities),
  struck: z.string(),
  client: z.string(),
  faultUnixMs: ms,
  healingUnixMs: ms,
  /** Limits of the test machine where no budget is judged. */
  rig: z.object({ latenessP99Ms: ms, stallMs: ms, controlLossShare: ms }),
  unreturned: z
    .array(z.string())
    .min(1)
    .exactOptional()
    .describe("After healing: what was still missing when the time to return was over; a failure."),
  chain: chainRecordSchema,
  /** The main vantage point first. */
  points: z.array(pointRecordSchema).min(1),
});
/**
 * Run-length-coded record of all requests of one measurement, small enough for the repository: the present method can
 * judge it again. Lost against the histories: the time of each single answered request, who answered it, and details of
 * errors. One line of `losses.ndjson` of a run, and of `NAME.losses.ndjson` beside a series `NAME.ndjson`.
 */
export type LossRecord = Infer<typeof lossRecordSchema>;
/** The same with its vantage points as they are judged. */
export type Losses = Omit<LossRecord, "points"> & { readonly points: readonly Point[] };

function ofPoint<A extends OfWindows<unknown>, T>(
  point: A,
  change: (window: A[WindowName]) => T,
): Omit<A, WindowName> & OfWindows<T> {
  return { ...point, before: change(point.before), away: change(point.away), back: change(point.back) };
}

export const encodeLosses = (losses: Losses): LossRecord => ({
  ...losses,
  points: losses.points.map((p) => ofPoint(p, encodeWindow)),
});
export const decodeLosses = (record: LossRecord): Losses => ({
  ...record,
  points: record.points.map((p) => ofPoint(p, decodeWindow)),
});

export const lossRecordFormat: RecordFormat<LossRecord> = { schema: lossRecordSchema };

export const packedLossesSchema = z.object({
  format: z.literal("meshproof-losses-packed/1"),
  runId: z.string(),
  at: z.string(),
  deflated: z.base64().describe("The JSON of a loss record, deflated (RFC 1951)."),
});
/** A loss record in the repository: a quarter of its size. One line of `series.losses.ndjson` of a campaign. */
export type PackedLosses = Infer<typeof packedLossesSchema>;
