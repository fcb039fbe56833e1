import type { Connection, SampleOutcome } from "./history.ts";

/** What the prober is told, as one JSON argument. */
export interface ProbeSpec {
  /** Means nothing to the prober: the host finds its process by it. */
  readonly mark: string;
  /** All on one clock, each on a grid of its own. */
  readonly streams: readonly StreamSpec[];
  /** Of the requests to the prober's own loopback: one grid for all streams, whose processor it shares. */
  readonly controlEveryMs: number;
}

export interface StreamSpec {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly connection: Connection;
}

/** Lines that the prober prints. Times are milliseconds since its own start. */
export type ProbeLine =
  | { readonly hello: { readonly startedAtUnixMs: number } }
  | {
      readonly samples: readonly WireSample[];
      readonly control: readonly WireRequest[];
      readonly nowMs: number;
    }
  | { readonly bye: { readonly cpuShare: number } };

/** seq, dueMs, sentMs, endMs, outcome, servedBy, detail. */
export type WireRequest = readonly [number, number, number, number, SampleOutcome, string, string];

/** The index of its stream before it. */
export type WireSample = readonly [number, ...WireRequest];

/** A batch of single requests, all answered in one reply. */
export interface AskSpec {
  readonly asks: readonly AskTarget[];
  readonly timeoutMs: number;
  readonly concurrency: number;
}

export interface AskTarget {
  readonly protocol: "http" | "udp" | "tcp";
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly count: number;
}

export interface AskAnswer {
  readonly outcome: SampleOutcome;
  readonly body: string;
  readonly detail: string;
  readonly ms: number;
}

/** One list of answers for each target, in order. */
export interface AskReply {
  readonly answers: readonly (readonly AskAnswer[])[];
}

/** What the admission webhook of a planted delay is told; PEM certificates. */
export interface HoldSpec {
  readonly mark: string;
  readonly port: number;
  readonly delayMs: number;
  readonly cert: string;
  readonly key: string;
}

/** What it prints: its start, then one line for each request that it held back. */
export type HoldLine =
  | { readonly listening: number }
  | { readonly name: string; readonly heldMs: number; readonly untilUnixMs: number };
