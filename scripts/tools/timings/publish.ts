import type { RunRecord } from "#harness/model/record.ts";
import type { PublishedRun, PublishedTimings, Timing } from "#harness/model/timing.ts";
import { originOf, refuseRun } from "../publishable-run.ts";

type Run = Pick<
  RunRecord,
  "runId" | "commit" | "profile" | "clusters" | "suites" | "fault" | "kernel" | "imageSource" | "budgets"
>;

/** METHOD, rule 15: limits of the instrument for a published figure. */
const limits = { latenessP99Ms: 20, latenessMaxMs: 100 } as const;

/** A run with its times. Throws `usage` for a run whose figures may not be published. */
export function publishedRun(run: Run, timings: readonly Timing[]): PublishedRun {
  const origin = originOf(run);
  const outcomes = new Map<string, string>(
    run.suites.flatMap((s) => s.tests).map((t) => [`${t.suite} > ${t.name}`, t.outcome]),
  );
  const nameOf = (t: Timing): string => `${t.suite} > ${t.test}`;
  for (const t of timings)
    if (!outcomes.has(nameOf(t))) refuseRun(run, `has times of ${nameOf(t)}, and no outcome of it`);
  const isSpoiled = (t: Timing): boolean =>
    !["pass", "fail"].includes(outcomes.get(nameOf(t)) ?? "") || troublesOf(t).length > 0;
  return {
    ...origin,
    lab: run.clusters.length > 2 ? `${run.profile}, ${run.clusters.length} clusters` : run.profile,
    nodes: run.clusters.map((c) => `${c.name}: ${c.nodes.length}`),
    kernel: run.kernel,
    imageSource: run.imageSource,
    budgets: run.budgets,
    failed: timings.filter((t) => outcomes.get(nameOf(t)) === "fail").map(nameOf),
    spoiled: timings.filter(isSpoiled).map((t) => [nameOf(t), ...troublesOf(t)].join(": ")),
    timings: timings.filter((t) => !isSpoiled(t)),
  };
}

/** Why the instrument was too coarse for a published figure. */
function troublesOf({ probers, everyMs }: Timing): string[] {
  return probers.flatMap((p) => [
    ...(p.latenessP99Ms > limits.latenessP99Ms ? [`${p.at} sent 1 % of its requests over 20 ms late`] : []),
    ...(p.latenessMaxMs > limits.latenessMaxMs ? [`${p.at} stood still for over 100 ms`] : []),
    ...(p.clockErrorMs > everyMs ? [`the clock of ${p.at} may differ by more than one interval`] : []),
  ]);
}

/** With new runs; one that is there already is replaced. */
export function withRuns({ runs }: PublishedTimings, added: readonly PublishedRun[]): PublishedTimings {
  const byId = new Map([...runs, ...added].map((r) => [r.runId, r]));
  return { schema: 1, runs: [...byId.values()].sort((a, b) => (a.runId < b.runId ? -1 : 1)) };
}
