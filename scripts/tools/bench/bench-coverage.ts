import { type CoverageSetting, simulatedCoverage, simulatedFalseAlarms } from "#harness/lib/coverage.ts";

const simulation = { trials: 1500, resamples: 400, seed: 2 };
const correlations = [0, 0.2, 0.5];

/**
 * The coverage of both kinds of intervals in simulated campaigns, as rows of a Markdown table: labs, runs in each, and for
 * each intraclass correlation the bootstrap's coverage and that of the labs' range. Takes minutes.
 */
export function* benchCoverage(labs: readonly number[]): Generator<string> {
  for (const n of labs)
    for (const runs of [1, 2, 4, 10]) {
      const cells = correlations.flatMap((correlation) => {
        const found = worstOf({ labs: n, runs, correlation });
        return [found.bootstrap, found.labs].map((c) => `${(c * 100).toFixed(1)} %`);
      });
      yield `| ${[n, runs, ...cells].join(" | ")} |`;
    }
}

/** How often `report compare` calls equal rows different where labs are too few to be permuted, at its error rate. */
export function* benchFalseAlarms(): Generator<string> {
  const setting = { labs: 3, runs: 3, shape: "log-normal" } as const;
  for (const correlation of correlations) {
    const alarms = simulatedFalseAlarms({ ...setting, correlation }, { trials: 1500, seed: 2 }, 0.01);
    yield `permuted by run, ${setting.labs} labs of ${setting.runs} runs a side, correlation ${correlation}: ${(alarms * 100).toFixed(1)} % of equal samples differ at 1 %`;
  }
}

/** The lower coverage of both distributions. */
function worstOf(setting: Omit<CoverageSetting, "shape">): { bootstrap: number; labs: number } {
  const [a, b] = (["normal", "log-normal"] as const).map((shape) =>
    simulatedCoverage({ ...setting, shape }, simulation),
  );
  return {
    bootstrap: Math.min(a?.bootstrap ?? 0, b?.bootstrap ?? 0),
    labs: Math.min(a?.labs ?? 0, b?.labs ?? 0),
  };
}
