import { unixNowMs } from "#harness/core/clock.ts";
import { pause } from "#harness/core/eventually.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { Mesh } from "#harness/mesh/mesh.ts";
import { guard, unguard } from "#harness/mesh/standing-workload.ts";

/**
 * Takes the standing policy of one cluster away for a moment, beside a certification that runs: it must say so. Answers
 * how long the policy was gone from the API server, in milliseconds.
 */
export async function plantLeak(lab: string, cluster: string, forMs: number): Promise<number> {
  const mesh = new Mesh(await requireLab(lab));
  const begunMs = unixNowMs();
  await unguard(mesh.cluster(cluster));
  try {
    await pause(forMs, AbortSignal.timeout(forMs + 60_000));
  } finally {
    await guard(mesh.clusters, [mesh.cluster(cluster)]);
  }
  return unixNowMs() - begunMs;
}
