import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { type ExpectedBackends, judgeShares, requestsForShares } from "#harness/judge/shares.ts";
import type { Verdict } from "#harness/model/verdict.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";
import { judgeAnsweredBy } from "./answered-by.ts";
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
  const asking = { timeoutMs: requestMs, signal };
  const served = await judgedInTime(() => judgeAnsweredBy(from, { what, ip, port, pods }, asking), {
    what: `${what}, to be served by all expected backends`,
    everyMs: 500,
    ...within.sync,
  });
  if (served.outcome !== "pass") return { verdict: served, answers: 0 };
  const count = requestsForShares(expected, falseAlarm);
  const sample = await sampleBackends(from, { ip, port }, { count, ...asking });
  return { verdict: judgeShares(what, sample, expected, falseAlarm), answers: sample.good.length };
}
