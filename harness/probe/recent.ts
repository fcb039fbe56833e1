import { found } from "#harness/lib/found.ts";
import type { Sample } from "#harness/model/history.ts";

/** The results of an interval. */
export interface AwaitedInterval {
  readonly seqs: readonly number[];
  /** Responses by cluster, losses by kind. */
  readonly tally: ReadonlyMap<string, number>;
  /** Number of good responses, of the given clusters or of all. */
  readonly good: number;
  /** Of the good responses, from the time at which each was due. */
  readonly latenciesMs: readonly number[];
}

/**
 * The latest samples of a stream, for waiting until it settles. A ring buffer of plain values, because objects that
 * live for seconds made the harness's memory use vary by a hundred megabytes.
 */
export class RecentSamples {
  readonly #sentMs: Float64Array;
  readonly #seq: Float64Array;
  readonly #latencyMs: Float64Array;
  readonly #outcome: string[];
  readonly #cluster: (string | undefined)[];
  #next = 0;
  #latestMs = 0;

  /** Allocates `keptMs` of a stream with a request every `everyMs`. */
  constructor(everyMs: number, keptMs: number) {
    const room = Math.ceil(keptMs / everyMs) + 64;
    this.#sentMs = new Float64Array(room).fill(Number.NEGATIVE_INFINITY);
    this.#seq = new Float64Array(room);
    this.#latencyMs = new Float64Array(room);
    this.#outcome = new Array<string>(room).fill("");
    this.#cluster = new Array<string | undefined>(room).fill(undefined);
  }

  add({ dueMs, sentMs, endMs, seq, outcome, cluster }: Sample): void {
    const i = this.#next;
    this.#sentMs[i] = sentMs;
    this.#seq[i] = seq;
    this.#latencyMs[i] = endMs - dueMs;
    this.#outcome[i] = outcome;
    this.#cluster[i] = cluster;
    this.#next = (i + 1) % this.#sentMs.length;
    this.#latestMs = Math.max(this.#latestMs, sentMs);
  }

  /** When the latest request was sent. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** The samples sent after one time and up to another. */
  between(fromMs: number, toMs: number, servedBy?: readonly string[]): AwaitedInterval {
    const seqs: number[] = [];
    const tally = new Map<string, number>();
    const latenciesMs: number[] = [];
    this.#sentMs.forEach((sentMs, i) => {
      if (sentMs <= fromMs || sentMs > toMs) return;
      const ok = this.#outcome[i] === "ok";
      const key = found(ok ? this.#cluster[i] : this.#outcome[i], "outcome in the ring of samples");
      seqs.push(found(this.#seq[i], "sequence number in the ring of samples"));
      tally.set(key, (tally.get(key) ?? 0) + 1);
      if (ok && (servedBy === undefined || servedBy.includes(key)))
        latenciesMs.push(found(this.#latencyMs[i], "latency in the ring of samples"));
    });
    return { seqs, tally, good: latenciesMs.length, latenciesMs };
  }
}
