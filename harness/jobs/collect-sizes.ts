import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { notCollected } from "#harness/evidence/evidence.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { SizedRequests } from "#harness/model/mesh-snapshot.ts";
import { askSizes, healthAddresses, healthSizes, smallestMtu } from "#harness/testkit/ask-sizes.ts";
import { vantagesOf } from "#harness/workloads/vantage.ts";

const timeoutMs = 2000;
const collectMs = 60_000;
/** In a large mesh, paths from a few nodes show what the network carries. */
const mostVantages = 8;

/** `sizes.json` of every cluster that has probers: what requests of several sizes to every node came to. */
export async function collectSizes(mesh: Mesh): Promise<ReadonlyMap<string, string>> {
  const signal = AbortSignal.timeout(collectMs);
  const collected = await Promise.all(
    mesh.clusters.map(async (from) => {
      try {
        const requests = await sizesFrom(from, mesh, signal);
        return requests === undefined ? [] : [[from.name, JSON.stringify(requests)] as const];
      } catch (error) {
        return [[from.name, `${notCollected}${messageOf(error)}\n`] as const];
      }
    }),
  );
  return new Map(collected.flat());
}

async function sizesFrom(from: Cluster, mesh: Mesh, signal: AbortSignal): Promise<SizedRequests | undefined> {
  const vantages = (await vantagesOf(from.kube)).slice(0, mostVantages);
  if (vantages.length === 0) return undefined;
  const [targets, agents] = await Promise.all([
    Promise.all(mesh.clusters.map(healthAddresses)),
    Promise.all(mesh.clusters.map((c) => agentsOf(c, signal))),
  ]);
  const paths = await askSizes(
    { cluster: from, vantages },
    targets.flat(),
    healthSizes(await smallestMtu(agents.flat())),
    { timeoutMs, signal },
  );
  return paths.map(({ from: source, to, size, answers }) => ({
    ...{ from: source, to, answered: answers.some((a) => a.outcome === "ok") },
    ...(size === undefined ? {} : { size }),
  }));
}
