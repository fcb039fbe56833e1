import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { sampleBackends } from "#harness/workloads/sampling.ts";

interface Asked {
  readonly ip: string;
  readonly port?: number;
  /** Names the path in the message. */
  readonly what: string;
  /** Those that must answer. */
  readonly pods: readonly string[];
}

/** Whether exactly these pods answer a cluster's clients, and no request fails: twelve requests for each, as `waitUntilServedBy`. */
export async function judgeAnsweredBy(
  from: Cluster,
  { what, pods, ...target }: Asked,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Verdict> {
  const { good, bad } = await sampleBackends(from, target, { count: 12 * pods.length, ...options });
  return combine([judgeSameSet(what, [...new Set(good)], pods), failedBecause(bad.slice(0, 1))]);
}
