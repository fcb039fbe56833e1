import type { Cluster } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { type Agent, agentsOf } from "./agent.ts";
import { nodesWithoutAgent } from "./nodes-without-agent.ts";

/** One agent for every node of the API server. Throws `mesh-not-ready` if a node has none: what is not asked cannot fail. */
export async function everyAgentOf(cluster: Cluster, signal: AbortSignal): Promise<Agent[]> {
  const missing = await nodesWithoutAgent(cluster);
  if (missing.length > 0)
    throw new MeshproofError("mesh-not-ready", `no agent runs on node ${missing.join(", ")}`);
  const agents = await agentsOf(cluster, signal);
  if (agents.length === 0)
    throw new MeshproofError("mesh-not-ready", `the API server of ${cluster.name} lists no node`);
  return agents;
}
