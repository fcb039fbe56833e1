import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { podStartCause } from "#harness/semantics/pod-start.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

const podsShown = 3;

/** A node whose agent has no address left for a pod. */
interface Exhausted {
  readonly node: string;
  /** `254 addresses of 10.2.1.0/24`. */
  readonly pool: string;
  /** How many of them are of pods that do not exist. */
  readonly gone: number;
  /** Pods that wait for one. */
  readonly waiting: readonly PodState[];
}

/** Of a cluster once: what pods on them wait for is said there. */
export const exhaustedNodes = oncePer((cluster: ClusterSnapshot): readonly Exhausted[] =>
  cluster.agents.flatMap((agent) => exhaustedBy(cluster, agent)),
);

function exhaustedBy(cluster: ClusterSnapshot, { node, ipam }: AgentState): Exhausted[] {
  if (ipam?.ok !== true || !cluster.pods.ok) return [];
  const full = ipam.value.pools.find(({ used, size }) => size > 0 && used >= size);
  if (full === undefined) return [];
  const names = new Set(known(cluster.pods).map((p) => `${p.namespace}/${p.name}`));
  // `router`, `health` and `ingress` are the agent's own; a restored endpoint has a remark after its name.
  const owners = ipam.value.owners.map((o) => o.owner.split(" ")[0] ?? "").filter((o) => o.includes("/"));
  return [
    {
      node,
      pool: `${full.size} addresses of ${full.range}`,
      gone: owners.filter((o) => !names.has(o)).length,
      waiting: known(cluster.pods).filter((p) => p.node === node && isWithoutAddress(cluster, p)),
    },
  ];
}

/** `ErrFull`, pkg/ipam/service/ipallocator/allocator.go@1.20.2, by way of the events of a pod that waits for its network. */
function isWithoutAddress({ events }: ClusterSnapshot, pod: PodState): boolean {
  const own = known(events).filter(
    (e) => e.kind === "Pod" && e.namespace === pod.namespace && e.name === pod.name,
  );
  return own.some((e) => e.message.includes("range is full")) && podStartCause(pod, own) !== undefined;
}

/** The node without addresses that keeps a pod from starting. */
export const exhaustedFor = (
  cluster: ClusterSnapshot,
  { namespace, name }: Pick<PodState, "namespace" | "name">,
): Exhausted | undefined =>
  exhaustedNodes(cluster).find(({ waiting }) =>
    waiting.some((p) => p.namespace === namespace && p.name === name),
  );

/** What to do about it: a restarted agent keeps only the addresses of pods that exist. */
export const moreAddresses = (cluster: ClusterSnapshot, { node, gone }: Exhausted): string =>
  gone > 0
    ? `${restartAgent(cluster, node)}; it keeps only the addresses of pods that exist`
    : `move pods away from node ${node}, or give it a larger pod CIDR`;

/** Nodes on which no pod can start, because their agents have given out every address. */
export function withoutAddresses(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    exhaustedNodes(cluster).map((exhausted) => {
      const { node, pool, gone, waiting } = exhausted;
      const name = nameOf(cluster);
      const pods = waiting.map((p) => `${p.namespace}/${p.name}`);
      const lost = gone === 0 ? "" : `, ${gone} of them to pods that do not exist any more`;
      return findingOf("node-without-addresses", {
        severity: waiting.length > 0 ? "broken" : "suspect",
        cluster: cluster.name,
        subject: `addresses of node ${node} of ${name}`,
        message: `the agent of ${node} of ${name} has given out all ${pool}${lost}: ${pods.length === 0 ? "the next pod on that node gets none" : `${shortList(pods, podsShown)} cannot start (range is full)`}`,
        next: moreAddresses(cluster, exhausted),
      });
    }),
  );
}
