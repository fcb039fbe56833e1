import { isKind } from "#harness/cluster/cluster.ts";
import { linkState } from "#harness/cluster/kind/node-link.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { notCollected } from "#harness/evidence/evidence.ts";
import { messageOf } from "#harness/lib/errors.ts";

const collectMs = 30_000;

/** `links.json` of every cluster whose nodes are containers of this machine: both ends of each node's link. */
export async function collectLinks(mesh: Mesh): Promise<ReadonlyMap<string, string>> {
  const signal = AbortSignal.timeout(collectMs);
  const collected = await Promise.all(
    mesh.clusters.filter(isKind).map(async (cluster) => {
      try {
        const nodes = (await cluster.nodes()).filter((n) => n.running);
        const links = await Promise.all(nodes.map((n) => linkState(cluster.node(n.name), signal)));
        return [cluster.name, JSON.stringify(links.flatMap((l) => l ?? []))] as const;
      } catch (error) {
        return [cluster.name, `${notCollected}${messageOf(error)}\n`] as const;
      }
    }),
  );
  return new Map(collected);
}
