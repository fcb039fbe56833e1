import { shortList } from "#harness/lib/short-list.ts";
import { isAtLeast, minorOf } from "#harness/lib/version.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot, Part } from "#harness/model/mesh-snapshot.ts";
import { withoutAgent } from "#harness/semantics/agents.ts";
import { undecidedOf } from "#harness/semantics/mesh-differences.ts";
import { healthSettingsOf } from "./health-settings.ts";
import { known, nameOf, unseenPeers } from "./parts.ts";

/**
 * Data that could not be read, or that is missing although every source has it: what the other layers could not judge is
 * not reported as healthy.
 */
export function unread(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => [
    ...partsOf(mesh, cluster).flatMap(([what, part]) =>
      part.ok || part.absent === true ? [] : [unreadPart(cluster, what, part.why)],
    ),
    ...known(cluster.unreadFiles ?? { ok: true, value: [] }).map(({ what, why, next }) =>
      say(
        cluster.name,
        `${what} of ${cluster.name}`,
        `${what} of ${cluster.name} could not be read: ${why}`,
        next,
      ),
    ),
    ...missingParts(mesh, cluster).map(([what, why]) => unreadPart(cluster, what, why)),
    ...[...unseenPeers(mesh, cluster)].map((peer) =>
      say(
        cluster.name,
        `cluster ${peer}`,
        `${peer} is a peer of ${cluster.name}, and its data was not supplied: its side is not judged`,
        `supply its sysdump too`,
      ),
    ),
    ...undecidedOf(cluster).map((text) =>
      say(
        cluster.name,
        `exported state of ${cluster.name}`,
        `it is not known ${text}`,
        // The Cilium CLI does not collect them.
        text.includes(" as ServiceExport:") && cluster.serviceExports?.ok !== true
          ? "a sysdump holds no ServiceExports: run diagnose on the live mesh, or look at them: kubectl get serviceexports -A"
          : undefined,
      ),
    ),
    ...unreadAgents(cluster),
  ]);
}

const say = (
  cluster: string,
  subject: string,
  message: string,
  next = "collect it again (a sysdump, or diagnose on the live mesh); unread data is not judged",
): Finding => ({
  layer: "evidence",
  severity: "unread",
  cluster,
  subject,
  message,
  next,
});

const unreadPart = (cluster: ClusterSnapshot, what: string, why: string): Finding =>
  say(cluster.name, `${what} of ${cluster.name}`, `${what} of ${cluster.name} could not be read: ${why}`);

/** Nodes whose agent's data is missing, against the API server's list. */
function unreadAgents(cluster: ClusterSnapshot): Finding[] {
  const missing = withoutAgent(known(cluster.nodes), cluster.agents);
  // Without the list of nodes, at least one is expected.
  if (missing.length === 0 && cluster.agents.length === 0)
    return [say(cluster.name, `agents of ${cluster.name}`, `no agent of ${cluster.name} could be read`)];
  if (missing.length === 0) return [];
  const shown = shortList(missing, 5);
  return [
    say(
      cluster.name,
      `agents of ${cluster.name}`,
      cluster.agents.length === 0
        ? `no agent of ${cluster.name} could be read`
        : `the data of the agent on node ${shown} of ${nameOf(cluster)} is missing: ${missing.length === 1 ? "it is" : "they are"} not judged`,
      "collect it again with the agents of all nodes; unread data is not judged",
    ),
  ];
}

/** Whether a part of an agent is not there by the settings of its node. */
const isOff = (mesh: MeshSnapshot, cluster: ClusterSnapshot, node: string, part: string): boolean =>
  part === "health" && healthSettingsOf(mesh, `${nameOf(cluster)}/${node}`)?.isOn === false;

function partsOf(mesh: MeshSnapshot, cluster: ClusterSnapshot): (readonly [string, Part<unknown>])[] {
  const { config, containers, nodes, ciliumNodes, pods, workloads, services, endpoints } = cluster;
  const { ciliumEndpoints, policies, peers, kvstoreMesh, kvstoreMeshTrouble } = cluster;
  const { namespaces, ciliumIdentities, serviceExports, kvstore, sizes, kvstoreMeshWords } = cluster;
  const later = Object.entries({
    ...{ namespaces, ciliumIdentities, serviceExports, kvstore, sizes, kvstoreMeshWords },
  });
  return [
    ...Object.entries({ config, containers, nodes, ciliumNodes, pods, workloads, services, endpoints }),
    ...Object.entries({ ciliumEndpoints, policies, peers, kvstoreMesh, kvstoreMeshTrouble }),
    // Absent in evidence of earlier versions.
    ...later.flatMap(([name, part]) => (part === undefined ? [] : [[name, part] as const])),
    ...cluster.agents.flatMap(({ node, ...parts }) =>
      Object.entries(parts)
        .filter(([name]) => !isOff(mesh, cluster, node, name))
        .map(([name, part]) => [`${name}, agent on ${node},`, part] as const),
    ),
    ...cluster.nodeStates.map((n) => [`firewall of node ${n.node}`, n.rules] as const),
  ];
}

/** Of every source, live or an archive. */
const expectedParts = [
  ...["config", "nodes", "ciliumNodes", "pods", "workloads"],
  ...["services", "endpoints", "ciliumEndpoints", "policies"],
] as const satisfies readonly (keyof ClusterSnapshot)[];
const expectedOfAgents = [
  "nodeList",
  "health",
  "services",
  "lbMaps",
  "identities",
  "ipcache",
] as const satisfies readonly (keyof AgentState)[];

/**
 * Whether a kvstore should have been read: not every version prints it, but another cluster's, whose version is not newer,
 * was read.
 */
function hasReadableKvstore(mesh: MeshSnapshot, cluster: ClusterSnapshot): boolean {
  const versionOf = ({ ciliumVersion }: ClusterSnapshot): string | undefined =>
    ciliumVersion?.ok === true ? ciliumVersion.value : undefined;
  const own = versionOf(cluster);
  const prints = mesh.clusters.some((other) => {
    const least = versionOf(other);
    return (
      other.kvstore?.ok === true && own !== undefined && least !== undefined && isAtLeast(own, minorOf(least))
    );
  });
  return prints && known(cluster.pods).some((p) => p.containers.some((c) => c.name === "apiserver"));
}

/** Parts that are absent although every source has them. */
function missingParts(mesh: MeshSnapshot, cluster: ClusterSnapshot): (readonly [string, string])[] {
  const absent = (part: Part<unknown>): string | undefined =>
    part.ok || part.absent !== true ? undefined : part.why;
  const list = (what: string, part: Part<unknown>): (readonly [string, string])[] => {
    const why = absent(part);
    return why === undefined ? [] : [[what, why]];
  };
  const copies = known(cluster.pods).some((p) => p.containers.some((c) => c.name === "kvstoremesh"));
  return [
    ...expectedParts.flatMap((name) => list(name, cluster[name])),
    ...(copies ? list("kvstoreMesh", cluster.kvstoreMesh) : []),
    ...(cluster.kvstore !== undefined && hasReadableKvstore(mesh, cluster)
      ? list("kvstore", cluster.kvstore)
      : []),
    // After a first command without an answer, the others of an agent are not run.
    ...cluster.agents
      .filter((a) => a.remotes.ok || a.remotes.absent === true)
      .flatMap((agent) =>
        expectedOfAgents
          .filter((name) => !isOff(mesh, cluster, agent.node, name))
          .flatMap((name) => list(`${name}, agent on ${agent.node},`, agent[name])),
      ),
  ];
}
