import type { Figure } from "#harness/model/figures.ts";

/** The distributions as lines of text, one per scenario and affinity. */
export function figureLines(figures: readonly Figure[]): string[] {
  return figures.map((f) => {
    const { outageMs: d } = f;
    const outage =
      d === undefined
        ? "not recovered before the fault was removed"
        : d.max === 0
          ? "nothing lost"
          : `median ${ms(d.median)} (95 % interval ${ms(d.medianLow)} to ${ms(d.medianHigh)}), p95 ${ms(d.p95)}, max ${ms(d.max)}`;
    const extra = [
      `${f.runs} run${f.runs === 1 ? "" : "s"}`,
      ...(f.unknown > 0 ? [`${f.unknown} unknown`] : []),
      ...(f.notRecovered > 0 ? [`${f.notRecovered} not recovered`] : []),
      ...(f.explainedShare === undefined ? [] : [`${Math.round(f.explainedShare * 100)} % explained`]),
    ];
    return `${f.scenario}, affinity ${f.affinity}: outage ${outage} [${extra.join(", ")}]`;
  });
}

const ms = (value: number): string => `${Math.round(value)} ms`;
