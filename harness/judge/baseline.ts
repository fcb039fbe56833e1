import { quantile } from "#harness/lib/stats.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

export interface BaselineLimits {
  /** With fewer recorded runs of the same scenario there is no verdict. */
  readonly runs: number;
  /** The lost time may be this many times the baseline's p95. */
  readonly factor: number;
}

type Identity = Pick<Measurement, "method" | "scenario" | "affinity" | "struck" | "setting">;

/** Measurements are comparable if scenario, affinity, direction, method and the whole setting are equal. */
export function comparable(a: Identity, b: Identity): boolean {
  return (
    a.method === b.method &&
    a.scenario === b.scenario &&
    a.affinity === b.affinity &&
    a.struck === b.struck &&
    JSON.stringify(a.setting) === JSON.stringify(b.setting)
  );
}

/** The verdict on one measurement against recorded ones. Unrecovered runs of the baseline are ignored. */
export function judgeByBaseline(
  measured: Measurement,
  recorded: readonly Measurement[],
  limits: BaselineLimits,
): Verdict {
  const what = `${measured.scenario}, affinity ${measured.affinity}, target cluster ${measured.struck}`;
  const lostTimes = recorded
    .filter((r) => r.outcome !== "unknown" && r.away.recovered && comparable(r, measured))
    .map((r) => r.away.lostTimeMs);
  if (lostTimes.length < limits.runs)
    return unknownBecause([
      `${what}: the baseline has ${lostTimes.length} comparable runs, ${limits.runs} are needed (same scenario, versions, machine and method)`,
    ]);
  const p95Ms = quantile(lostTimes, 0.95);
  const limitMs = p95Ms * limits.factor + measured.prober.everyMs;
  if (measured.away.recovered && measured.away.lostTimeMs <= limitMs) return failedBecause([]);
  return failedBecause([
    `${what}: ${measured.away.recovered ? `lost time of ${measured.away.lostTimeMs.toFixed(0)} ms` : "not recovered"}; the baseline's p95 is ${p95Ms.toFixed(0)} ms over ${lostTimes.length} runs, the limit ${limitMs.toFixed(0)} ms`,
  ]);
}
