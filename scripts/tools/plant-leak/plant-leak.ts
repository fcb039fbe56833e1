import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { requireLab } from "#harness/state/lab.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";

/**
 * Allows one cluster's denied client to reach its cluster's protected server for a moment, by an entry in the
 * endpoint's policy map, during a certification, which must report the leak. Removing the policy instead would not
 * work: an agent may merge its removal and return into no change.
 */
export async function plantLeak(lab: string, name: string, forMs: number): Promise<void> {
  const signal = AbortSignal.timeout(forMs + 60_000);
  const cluster = new Mesh(await requireLab(lab)).cluster(name);
  const endpoint = async (pod: string) => {
    const found = await cluster.kube.get(kinds.ciliumEndpoint, standingNamespace, pod);
    if (found === undefined)
      throw new MeshproofError("lab-broken", `no endpoint of ${standingNamespace}/${pod} in ${name}`, {
        remedy: "a leak is planted while a certification runs on the lab",
      });
    return found.status as { id: number; identity: { id: number }; networking: { node: string } };
  };
  const server = await endpoint("server");
  const denied = await endpoint("denied");
  const agents = await agentsOf(cluster, signal);
  const nodes = await cluster.nodes();
  const node = nodes.find((n) => n.address === server.networking.node)?.name;
  const agent = agents.find((a) => a.node === node);
  if (agent === undefined)
    throw new MeshproofError("lab-broken", `no agent answers on the node of ${name}'s server`);
  const entry = `${server.id} ingress ${denied.identity.id}`;
  // One shell, so that the latency of a second exec does not prolong the leak.
  await agent.run([
    "sh",
    "-c",
    `cilium-dbg bpf policy add ${entry} && sleep ${forMs / 1000}; cilium-dbg bpf policy delete ${entry}`,
  ]);
}
