import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { type ExpectedBackends, judgeShares, requestsForShares } from "#harness/judge/shares.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";
import type { SuiteFixtures } from "./fixture-types.ts";

interface Asked {
  readonly from: Cluster;
  readonly service: string;
  readonly ip: string;
  readonly port?: number;
  readonly expected: readonly ExpectedBackends[];
}

/**
 * Whether every expected backend answers within the budget, and all then serve in even shares. Only the first part has a
 * deadline: drawing enough answers to compare shares may take a slow machine longer than Cilium is allowed.
 */
export async function judgeSharesInTime(
  { from, service, ip, port = 80, expected }: Asked,
  { budgets, within }: Pick<SuiteFixtures, "budgets" | "within">,
): Promise<{ readonly verdict: Verdict; readonly answers: number }> {
  const what = `${from.name} -> service ${service}, port ${port}`;
  const pods = expected.flatMap((e) => e.pods);
  const { requestMs, falseAlarm } = budgets;
  const { signal } = within;
  const draw = (count: number) => sampleBackends(from, { ip, port }, { count, timeoutMs: requestMs, signal });
  const served = await judgedInTime(
    async () => {
      const { good, bad } = await draw(12 * pods.length);
      return combine([judgeSameSet(what, [...new Set(good)], pods), failedBecause(bad.slice(0, 1))]);
    },
    { what: `${what}, to be served by all expected backends`, everyMs: 500, ...within.sync },
  );
  if (served.outcome !== "pass") return { verdict: served, answers: 0 };
  const sample = await draw(requestsForShares(expected, falseAlarm));
  return { verdict: judgeShares(what, sample, expected, falseAlarm), answers: sample.good.length };
}
