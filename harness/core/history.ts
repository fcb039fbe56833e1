/** How one request of a prober ended. `refused`: the peer answered with a reset; `timeout`: nothing came. */
export type SampleOutcome = "ok" | "timeout" | "refused" | "unreachable" | "reset" | "bad-answer" | "error";

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

/** Something that was done to the mesh while the prober ran, on the prober's clock. */
export interface Mark {
  readonly name: string;
  readonly atMs: number;
}

/** All that a prober saw, self-contained: judged later, by pure functions. */
export interface History {
  readonly title: string;
  readonly vantage: string;
  readonly target: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly connection: "new" | "reused";
  readonly startedAt: string;
  /** Unix milliseconds of the prober's zero: aligns histories with packet captures. */
  readonly startedAtUnixMs: number;
  readonly samples: readonly Sample[];
  /** The same cadence against the prober's own loopback: tells the rig's trouble from the mesh's. */
  readonly control: readonly Sample[];
  readonly marks: readonly Mark[];
  /** CPU of the prober process over the run, as a share of one core. */
  readonly cpuShare: number;
}
