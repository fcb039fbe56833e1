import { agentsOf } from "#harness/cilium/agent/agent.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { requireLab } from "#harness/state/lab.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";

/**
 * `to-server`: a cluster's denied client reaches its cluster's protected server. `masqueraded`: the client whose egress a
 * policy limits reaches all ports of the server outside, where its packets arrive with the address of its node.
 */
export const plantedLeaks = ["to-server", "masqueraded"] as const;
export type PlantedLeak = (typeof plantedLeaks)[number];

interface Endpoint {
  readonly id: number;
  readonly identity: { readonly id: number };
  readonly networking: { readonly node: string };
}

/**
 * Opens a policy for a moment, by an entry in an endpoint's policy map, during a certification, which must report the
 * leak. Removing the policy instead would not work: an agent may merge its removal and return into no change.
 */
export async function plantLeak(
  lab: string,
  name: string,
  { forMs, leak }: { readonly forMs: number; readonly leak: PlantedLeak },
): Promise<void> {
  const signal = AbortSignal.timeout(forMs + 60_000);
  const cluster = new Mesh(await requireLab(lab)).cluster(name);
  const at = await endpointOf(cluster, leak === "to-server" ? "server" : "egress");
  const agents = await agentsOf(cluster, signal);
  const nodes = await cluster.nodes();
  const node = nodes.find((n) => n.address === at.networking.node)?.name;
  const agent = agents.find((a) => a.node === node);
  if (agent === undefined)
    throw new MeshproofError("lab-broken", `no agent answers on node ${at.networking.node} of ${name}`, {
      remedy: "wait until the agent runs again, and plant the leak then",
    });
  const peer =
    leak === "to-server"
      ? `ingress ${(await endpointOf(cluster, "denied")).identity.id}`
      : `egress ${identityIn(await agent.run(["cilium-dbg", "bpf", "ipcache", "get", await outsideOf(cluster)]))}`;
  const entry = `${at.id} ${peer}`;
  // One shell, so that the latency of a second exec does not prolong the leak.
  await agent.run([
    "sh",
    "-c",
    `cilium-dbg bpf policy add ${entry} && sleep ${forMs / 1000}; cilium-dbg bpf policy delete ${entry}`,
  ]);
}

async function endpointOf(cluster: Cluster, pod: string): Promise<Endpoint> {
  const endpoint = await cluster.kube.get(kinds.ciliumEndpoint, standingNamespace, pod);
  if (endpoint === undefined)
    throw new MeshproofError("lab-broken", `no endpoint of ${standingNamespace}/${pod} in ${cluster.name}`, {
      remedy: "a leak is planted while a certification runs on the lab",
    });
  return endpoint.status as Endpoint;
}

/** The address that the egress policy of the traffic allows. */
async function outsideOf({ kube, name }: Cluster): Promise<string> {
  const policy = await kube.get(kinds.ciliumNetworkPolicy, standingNamespace, "egress-to-a-cidr");
  const cidr = policy?.spec?.egress?.[0]?.toCIDR?.[0] as string | undefined;
  return found(cidr, `CIDR in policy ${standingNamespace}/egress-to-a-cidr of ${name}`).replace(/\/32$/, "");
}

/** `172.18.0.9 maps to identity identity=16777217 encryptkey=0 ...` */
const identityIn = (text: string): string =>
  found(/identity=(\d+)/.exec(text)?.[1], `identity in the agent's output: ${text.slice(0, 200)}`);
