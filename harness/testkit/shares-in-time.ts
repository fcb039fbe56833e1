import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import {
  type ExpectedBackends,
  judgeAllReady,
  judgeShares,
  requestsForShares,
} from "#harness/judge/shares.ts";
import type { Verdict } from "#harness/model/verdict.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";
import { judgeAnsweredBy } from "./answered-by.ts";
import type { SuiteFixtures } from "./fixture-types.ts";

interface Asked {
  readonly from: Cluster;
  readonly service: string;
  readonly ip: string;
  readonly port?: number;
  /** Looked up each time: a late readiness probe takes a backend away for a moment. */
  readonly expected: () => Promise<readonly ExpectedBackends[]>;
}

/**
 * Whether every expected backend is ready and answers within the budget, and all then serve in even shares. Only the
 * first part has a deadline: drawing enough answers to compare shares may take a slow machine longer than Cilium is
 * allowed.
 */
export async function judgeSharesInTime(
  { from, service, ip, port = 80, expected: lookUp }: Asked,
  { budgets, within }: Pick<SuiteFixtures, "budgets" | "within">,
): Promise<{ readonly verdict: Verdict; readonly answers: number }> {
  const what = `${from.name} -> service ${service}, port ${port}`;
  const { requestMs, falseAlarm } = budgets;
  const { signal } = within;
  const asking = { timeoutMs: requestMs, signal };
  let expected: readonly ExpectedBackends[] = [];
  const served = await judgedInTime(
    async () => {
      expected = await lookUp();
      const allReady = judgeAllReady(what, expected);
      if (allReady.outcome !== "pass") return allReady;
      const pods = expected.flatMap((e) => e.pods);
      return judgeAnsweredBy(from, { what, ip, port, pods }, asking);
    },
    { what: `${what}, to be served by all expected backends`, everyMs: 500, ...within.sync },
  );
  if (served.outcome !== "pass") return { verdict: served, answers: 0 };
  const count = requestsForShares(expected, falseAlarm);
  const sample = await sampleBackends(from, { ip, port }, { count, ...asking });
  return { verdict: judgeShares(what, sample, expected, falseAlarm), answers: sample.good.length };
}
