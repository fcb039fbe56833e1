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
  // Read once, and only if there is a prober.
  let asked: Promise<Asked> | undefined;
  const once = (): Promise<Asked> => {
    asked ??= askedOf(mesh, signal);
    return asked;
  };
  const collected = await Promise.all(
    mesh.clusters.map(async (from) => {
      try {
        const requests = await sizesFrom(from, once, signal);
        return requests === undefined ? [] : [[from.name, JSON.stringify(requests)] as const];
      } catch (error) {
        return [[from.name, `${notCollected}${messageOf(error)}\n`] as const];
      }
    }),
  );
  return new Map(collected.flat());
}

/** What is asked from every cluster: the addresses of all nodes, in sizes that fit the smallest MTU. */
interface Asked {
  readonly targets: Awaited<ReturnType<typeof healthAddresses>>;
  readonly sizes: ReturnType<typeof healthSizes>;
}

async function askedOf(mesh: Mesh, signal: AbortSignal): Promise<Asked> {
  const [targets, agents] = await Promise.all([
    Promise.all(mesh.clusters.map(healthAddresses)),
    Promise.all(mesh.clusters.map((c) => agentsOf(c, signal))),
  ]);
  return { targets: targets.flat(), sizes: healthSizes(await smallestMtu(agents.flat())) };
}

async function sizesFrom(
  from: Cluster,
  asked: () => Promise<Asked>,
  signal: AbortSignal,
): Promise<SizedRequests | undefined> {
  const vantages = (await vantagesOf(from.kube)).slice(0, mostVantages);
  if (vantages.length === 0) return undefined;
  const { targets, sizes } = await asked();
  const paths = await askSizes({ cluster: from, vantages }, targets, sizes, { timeoutMs, signal });
  return paths.map(({ from: source, to, size, answers }) => ({
    ...{ from: source, to, answered: answers.some((a) => a.outcome === "ok") },
    ...(size === undefined ? {} : { size }),
  }));
}
