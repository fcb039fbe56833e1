import type { Cluster } from "#harness/cluster/cluster.ts";
import { absence } from "#harness/judge/absence.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { answersToSeeAll } from "#harness/lib/stats.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { perBackend, sampleBackends } from "#harness/workloads/sampling.ts";
import type { SuiteFixtures } from "./fixture-types.ts";

interface Target {
  readonly ip: string;
  readonly port?: number;
  /** Names the path in the message. */
  readonly what: string;
}

interface Asked extends Target {
  /** Those that must answer. */
  readonly pods: readonly string[];
}

/**
 * Whether exactly these pods answer a cluster's clients, and no request fails: twelve requests for each by default, as
 * `waitUntilServedBy`.
 */
export async function judgeAnsweredBy(
  from: Cluster,
  { what, pods, ...target }: Asked,
  options: { readonly count?: number; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Verdict> {
  const { good, bad } = await sampleBackends(from, target, { count: perBackend * pods.length, ...options });
  return combine([
    judgeSameSet(what, [...new Set(good)], pods),
    failedBecause(bad.slice(0, 1).map((lost) => `${what}: ${lost}`)),
  ]);
}

/**
 * Whether exactly some pods answer within the budget, and then every request of a sample that sees each of them, and
 * another one that has 1 % of the answers. `pods` is looked up each time: a late readiness probe takes one away for a
 * moment, and it may throw then.
 */
export async function judgeAnsweredInTime(
  from: Cluster,
  { pods: expected, ...target }: Target & { readonly pods: () => Promise<readonly string[]> },
  { budgets, within }: Pick<SuiteFixtures, "budgets" | "within">,
): Promise<Verdict> {
  const asking = { timeoutMs: budgets.requestMs, signal: within.signal };
  let pods: readonly string[] = [];
  const served = await judgedInTime(
    async () => {
      pods = await expected();
      return judgeAnsweredBy(from, { ...target, pods }, asking);
    },
    { what: `${target.what}, to be served by all expected backends`, everyMs: 500, ...within.sync },
  );
  if (served.outcome !== "pass") return served;
  const count = Math.max(absence.requests, answersToSeeAll(pods.length, budgets.falseAlarm));
  return judgeAnsweredBy(from, { ...target, pods }, { count, ...asking });
}
