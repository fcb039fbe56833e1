import type { Cluster } from "#harness/cluster/cluster.ts";
import type { PathAnswers } from "#harness/judge/paths.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import { askFrom, type Vantage } from "#harness/workloads/vantage.ts";

/** Requests to one pod, and the name of the target in a verdict. */
export interface PathTarget {
  readonly name: string;
  readonly pod: string;
  readonly ask: AskTarget;
}

/** Sends the requests of all targets from every vantage point; answers one path for each pair of the two. */
export async function askPaths(
  from: Cluster,
  vantages: readonly Vantage[],
  targets: readonly PathTarget[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<PathAnswers[]> {
  const asks = targets.map((t) => t.ask);
  const paths = await Promise.all(
    vantages.map(async (vantage) => {
      const reply = await askFrom(from.kube, vantage, { asks, timeoutMs, concurrency: 4 }, signal);
      return targets.map(
        (target, i): PathAnswers => ({
          from: `${from.name}/${vantage.node} (${vantage.ip})`,
          to: target.name,
          expectedBody: target.pod,
          answers: reply.answers[i] ?? [],
        }),
      );
    }),
  );
  return paths.flat();
}
