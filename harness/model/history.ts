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

/** One request. Times are milliseconds since the prober's own start, on its monotonic clock. */
export interface Sample {
  readonly seq: number;
  /** When the request was due. */
  readonly dueMs: number;
  /** When it was really sent: `sentMs - dueMs` is the prober's scheduling error. */
  readonly sentMs: number;
  /** When its answer was complete, or its failure known. */
  readonly endMs: number;
  readonly outcome: SampleOutcome;
  /** The pod that answered, as it names itself. */
  readonly servedBy?: string;
  /** The cluster that answered. */
  readonly cluster?: string;
  readonly detail?: string;
}

/** Samples in the order in which they were sent. */
export interface Samples {
  readonly length: number;
  [Symbol.iterator](): Iterator<Sample>;
}

/** Something that was done to the mesh while the prober ran, on the prober's clock. */
export interface Mark {
  readonly name: string;
  readonly atMs: number;
}

/**
 * What a request travels on: `new`, a TCP connection of its own; `reused`, HTTP keep-alive; `tcp`, a heartbeat on one
 * raw connection; `udp`, datagrams of one flow; `dns`, a name asked of the pod's own resolver, with no connection at all.
 */
export type Connection = "new" | "reused" | "tcp" | "udp" | "dns";
export type KeptConnection = Exclude<Connection, "new" | "dns">;

export const isKept = (connection: Connection): connection is KeptConnection =>
  connection !== "new" && connection !== "dns";

/** All that a prober saw on one stream, self-contained: judged later, by pure functions. */
export interface History {
  readonly title: string;
  readonly vantage: string;
  readonly target: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly connection: Connection;
  readonly startedAt: string;
  /** Unix milliseconds of the prober's zero: aligns histories with packet captures and with what agents say. */
  readonly startedAtUnixMs: number;
  readonly samples: Samples;
  /** Requests of the same prober to its own loopback: they tell the rig's trouble from the mesh's. */
  readonly control: Samples;
  readonly marks: readonly Mark[];
  /** CPU of the prober process over the run, as a share of one core; all streams of a prober share it. */
  readonly cpuShare: number;
  /** Bound of the difference between the prober's clock and the harness's, from the quickest line that came across. */
  readonly clockErrorMs: number;
}
