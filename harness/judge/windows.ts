import { hundredths, sortedQuantile } from "#harness/lib/stats.ts";
import type { History, Sample } from "#harness/model/history.ts";
import type { RunKind, Window } from "#harness/model/loss-record.ts";
import { type Latency, recoveryMs, slowMs } from "#harness/model/measurement.ts";

/** The parts of a history that are judged; a request belongs to the one in which it was sent. */
export interface HistoryWindows {
  /** The last part before the injection. Earlier, programs are still starting. */
  readonly before: Window;
  readonly away: Window;
  /** Empty if the fault was not healed. */
  readonly back: Window;
  /** Samples that never arrived. */
  readonly missing: number;
}

/** The times of injection and healing on the prober's clock; without healing the window ends with the history. */
export interface Cuts {
  readonly sinceMs: number;
  readonly healedMs?: number;
}

/** Codes a history in one pass, because it may hold millions of samples. */
export function windowsOf(history: Pick<History, "samples" | "control">, cuts: Cuts): HistoryWindows {
  const healedMs = cuts.healedMs ?? Number.POSITIVE_INFINITY;
  const before = new WindowCoder(cuts.sinceMs - recoveryMs);
  const away = new WindowCoder(cuts.sinceMs);
  const back = new WindowCoder(healedMs);
  const windowAt = (atMs: number): WindowCoder =>
    atMs >= healedMs ? back : atMs >= cuts.sinceMs ? away : before;
  let highest = -1;
  for (const s of history.samples) {
    highest = Math.max(highest, s.seq);
    windowAt(s.sentMs).add(s);
  }
  for (const s of history.control) windowAt(s.sentMs).addControl(s);
  const endMs = Math.max(cuts.healedMs ?? cuts.sinceMs, away.lastSentMs, back.lastSentMs);
  return {
    before: before.window(cuts.sinceMs),
    away: away.window(cuts.healedMs ?? endMs),
    back: back.window(endMs),
    missing: highest + 1 - history.samples.length,
  };
}

class WindowCoder {
  readonly #sinceMs: number;
  readonly #runs: { kind: RunKind; count: number; firstMs: number; lastMs: number }[] = [];
  readonly #latencies: number[] = [];
  readonly #lateness: number[] = [];
  readonly #answers = new Map<string, [number, number, number, number]>();
  #controlSent = 0;
  #controlLost = 0;

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  get lastSentMs(): number {
    return this.#runs.at(-1)?.lastMs ?? Number.NEGATIVE_INFINITY;
  }

  add(s: Sample): void {
    if (s.sentMs < this.#sinceMs) return;
    this.#lateness.push(s.sentMs - s.dueMs);
    const kind = this.#kindOf(s);
    const run = this.#runs.at(-1);
    if (run?.kind === kind) {
      run.count += 1;
      run.lastMs = s.sentMs;
    } else this.#runs.push({ kind, count: 1, firstMs: s.sentMs, lastMs: s.sentMs });
  }

  /** Latency counts from the due time: a request that a slow answer delayed would hide its wait otherwise. */
  #kindOf(s: Sample): RunKind {
    if (s.outcome !== "ok") return s.outcome;
    const latencyMs = s.endMs - s.dueMs;
    this.#latencies.push(latencyMs);
    if (s.cluster !== undefined) {
      const known = this.#answers.get(s.cluster);
      if (known === undefined) this.#answers.set(s.cluster, [1, s.endMs, s.endMs, s.sentMs]);
      else {
        known[0] += 1;
        known[2] = Math.max(known[2], s.endMs);
        known[3] = s.sentMs;
      }
    }
    return latencyMs > slowMs ? "slow" : "good";
  }

  addControl(s: Sample): void {
    if (s.sentMs < this.#sinceMs) return;
    this.#controlSent += 1;
    if (s.outcome !== "ok") this.#controlLost += 1;
  }

  window(untilMs: number): Window {
    this.#lateness.sort((a, b) => a - b);
    const late = (q: number): number | null =>
      this.#lateness.length === 0 ? null : hundredths(sortedQuantile(this.#lateness, q));
    return {
      sinceMs: Math.min(this.#sinceMs, untilMs),
      untilMs,
      runs: this.#runs,
      latency: latencyOf(this.#latencies),
      answers: Object.fromEntries(this.#answers),
      prober: {
        latenessP99Ms: late(0.99),
        latenessMaxMs: late(1),
        controlSent: this.#controlSent,
        controlLost: this.#controlLost,
      },
    };
  }
}

function latencyOf(latencies: number[]): Latency | null {
  if (latencies.length === 0) return null;
  latencies.sort((a, b) => a - b);
  const at = (q: number): number => hundredths(sortedQuantile(latencies, q));
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1) };
}
