import { givesFigures, type Measurement } from "#harness/model/measurement.ts";
import { failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";
import { compareLostTime } from "./comparison.ts";

export interface BaselineLimits {
  /** With fewer recorded runs of the same scenario there is no verdict. */
  readonly runs: number;
  /** How often the verdict may be wrong although nothing has changed. */
  readonly errorRate: number;
}

type Identity = Pick<
  Measurement,
  "method" | "scenario" | "affinity" | "struck" | "setting" | "settingHash" | "application"
>;

/** Measurements are comparable if scenario, affinity, direction, method and the whole setting are equal. */
export function comparable(a: Identity, b: Identity): boolean {
  return (
    a.method === b.method &&
    a.scenario === b.scenario &&
    a.affinity === b.affinity &&
    a.struck === b.struck &&
    a.application === b.application &&
    a.settingHash === b.settingHash &&
    JSON.stringify(a.setting) === JSON.stringify(b.setting)
  );
}

/**
 * The verdict on the runs of one scenario and direction against recorded ones, by a permutation test on medians. Runs
 * whose verdict alone is open stay on both sides: they are the longest outages.
 */
export function judgeByBaseline(
  measured: readonly Measurement[],
  recorded: readonly Measurement[],
  { runs, errorRate }: BaselineLimits,
): Verdict {
  const [first] = measured;
  if (first === undefined) return unknownBecause(["there is no measurement to compare with the baseline"]);
  const what = `${first.scenario}, affinity ${first.affinity}, target cluster ${first.struck}`;
  const all = recorded.filter((r) => givesFigures(r) && comparable(r, first));
  const baseline = ofOneSource(all, first.sourceHash);
  if (baseline === undefined)
    return unknownBecause([
      `${what}: the baseline has runs by several states of the sources, none of them the present one, which are not pooled; keep those of one`,
    ]);
  if (baseline.length < runs)
    return unknownBecause([
      `${what}: the baseline has ${baseline.length} comparable runs, ${runs} are needed (same scenario, setting and method)`,
    ]);
  const compared = compareLostTime(baseline, measured, errorRate);
  const stated = `an error rate of ${errorRate * 100} %`;
  if (compared === undefined || compared.result === "unknown")
    return unknownBecause([
      `${what}: ${measured.length} runs cannot be told from the baseline's ${baseline.length} with ${stated}; measure more with --repeat`,
    ]);
  const [before, now] = compared.medians;
  const rate = compared.unit === "lab" ? stated : `by run: ${stated} only if labs do not differ`;
  return compared.result === "slower"
    ? failedBecause([
        `${what}: median lost time of ${text(now)} over ${measured.length} runs; the baseline's is ${text(before)} over ${baseline.length} (p = ${compared.p.toPrecision(2)}, ${rate})`,
      ])
    : failedBecause([]);
}

/** Runs are pooled only within one state of the sources: the present one's, or the only one; undefined if that is open. */
function ofOneSource(
  runs: readonly Measurement[],
  present: string | undefined,
): readonly Measurement[] | undefined {
  if (new Set(runs.map((r) => r.sourceHash)).size < 2) return runs;
  const own = runs.filter((r) => r.sourceHash === present);
  return own.length === 0 ? undefined : own;
}

const text = (ms: number): string => (Number.isFinite(ms) ? `${ms.toFixed(0)} ms` : "not recovered");
