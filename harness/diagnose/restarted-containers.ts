import type { Finding } from "#harness/model/finding.ts";
import type {
  ClusterSnapshot,
  ContainerState,
  MeshSnapshot,
  PodState,
} from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { afterEnd, isOutOfMemory, namespacesOf, partOf } from "./control-plane.ts";
import { lastWordsOf } from "./last-words.ts";
import { known } from "./parts.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** Of a pod: what it waits for may start after it. */
const startUpMs = 10 * minute;
/** Restarts after which a container that is not out of memory counts, and how recent the last of them must be. */
const fewest = { restarts: 3, withinMs: hour } as const;
const many = { restarts: 5, withinMs: day } as const;
const outOfMemoryMs = 7 * day;
/** Containers of several pods that end together end with their node or its container runtime. */
const togetherMs = minute;

/** What the restart of a container means for the mesh. */
const effects: Readonly<Record<string, string>> = {
  etcd: "with each restart all that read it, other clusters among them, lose their connection",
  apiserver: "what changes meanwhile reaches other clusters late",
  kvstoremesh: "what changes in other clusters meanwhile arrives late",
  "cilium-agent": "meanwhile pods of its node cannot start, and nothing that changes reaches them",
  "cilium-operator": "meanwhile no identities and addresses are managed",
  coredns: "lookups of names that it was answering fail",
};

/**
 * Containers of Cilium and CoreDNS that run at the moment and were terminated before, again and again or for their
 * memory; one of a pod, with the others. A container that is not ready is the layer `controlPlane`'s.
 *
 * The last termination must be later than the first 10 minutes of the pod. One for memory (OOMKilled) is enough if it
 * is of the last 7 days. Others (exit code not 0) count from 3 restarts on if the last was in the last hour, and from 5
 * on if it was in the last day; not where containers of another pod of the node ended in the same minute, because then
 * the node restarted, and not beside a container that is not ready, which is the reason. Where the time of the
 * collection is not known, every termination counts as recent.
 */
export function restartedContainers(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const namespaceOf = namespacesOf(cluster);
    return known(cluster.pods).flatMap((pod) => {
      const part = partOf(pod.name);
      if (part === undefined || pod.namespace !== namespaceOf(part) || pod.ending || pod.ended === true)
        return [];
      const [worst, ...others] = pod.containers
        .filter((container) => isRepeated(cluster, pod, container))
        .toSorted((a, b) => Number(isOutOfMemory(b)) - Number(isOutOfMemory(a)) || b.restarts - a.restarts);
      return worst === undefined ? [] : [findingFor(cluster, pod, { worst, others })];
    });
  });
}

function isRepeated(cluster: ClusterSnapshot, pod: PodState, container: ContainerState): boolean {
  const { ended, ready, restarts } = container;
  const atMs = ended?.atMs;
  if (ended === undefined || atMs === undefined || !ready || restarts === 0) return false;
  if (pod.startedMs !== undefined && atMs - pod.startedMs < startUpMs) return false;
  const agoMs = cluster.collectedMs?.ok === true ? cluster.collectedMs.value - atMs : 0;
  if (isOutOfMemory(container)) return agoMs <= outOfMemoryMs;
  const isOften = [fewest, many].some((rule) => restarts >= rule.restarts && agoMs <= rule.withinMs);
  if (ended.code === 0 || !isOften) return false;
  return pod.containers.every((c) => c.ready) && !endedWithNode(cluster, pod, atMs);
}

const endedWithNode = (
  cluster: ClusterSnapshot,
  { namespace, name, node }: PodState,
  atMs: number,
): boolean =>
  known(cluster.pods)
    .filter((p) => p.node === node && (p.namespace !== namespace || p.name !== name))
    .some((p) =>
      p.containers.some(({ ended }) => ended?.atMs !== undefined && Math.abs(ended.atMs - atMs) < togetherMs),
    );

interface Restarted {
  readonly worst: ContainerState;
  readonly others: readonly ContainerState[];
}

function findingFor(cluster: ClusterSnapshot, pod: PodState, { worst, others }: Restarted): Finding {
  const { name, restarts, ended, memoryLimit } = worst;
  const atMs = ended?.atMs;
  const at = atMs === undefined ? "" : ` at ${new Date(atMs).toISOString().replace(".000Z", "Z")}`;
  const limit = memoryLimit === undefined ? "" : `, memory limit ${memoryLimit}`;
  const why = isOutOfMemory(worst)
    ? `with OOMKilled (exit code ${ended?.code}${limit})`
    : `with ${ended?.reason || "an error"}, exit code ${ended?.code}`;
  const last = isOutOfMemory(worst) ? undefined : lastWordsOf(cluster, pod, worst);
  const beside = others.map((c) => `, ${c.name} ${times(c.restarts)}`).join("");
  const effect = Object.hasOwn(effects, name) ? `; ${effects[name]}` : "";
  return findingOf("container-restarts", {
    cluster: cluster.name,
    subject: `${name} of ${cluster.name} on ${pod.node}`,
    message: `container ${name} of ${pod.name} (${cluster.name}, node ${pod.node}) was restarted ${times(restarts)}${beside}; it last ended${at} ${why}${last === undefined ? "" : `: ${last.text}`}; it runs at the moment${effect}`,
    next: last?.next ?? `${afterEnd(pod, worst)}${withoutLimit(worst)}`,
  });
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

/** Then the memory of the whole node was at its end. */
const withoutLimit = (container: ContainerState): string =>
  isOutOfMemory(container) && container.memoryLimit === undefined
    ? "; if it has no limit, the node has too little memory: raise resources.requests.memory beside it, or move pods away"
    : "";
