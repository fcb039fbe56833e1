import type { NodeEntry, RemoteClusterStatus } from "#harness/model/snapshot.ts";
import type { NodeTruth, RemoteTruth } from "#harness/model/truth.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

export const describeCounts = (t: RemoteTruth): string =>
  `${t.nodes} nodes, ${t.endpoints} endpoints, ${t.identities} identities, ${t.services} services`;

/** Addresses and pod CIDRs must equal those of the API server. */
export function judgeNodeEntries(
  agent: string,
  reported: readonly NodeEntry[],
  truth: readonly NodeTruth[],
): Verdict {
  const reasons: string[] = [];
  for (const node of truth) {
    const entry = reported.find((n) => n.name === node.name);
    if (entry === undefined) continue;
    const addresses = entry.addresses.filter((a) => a.type === "InternalIP").map((a) => a.ip);
    if (!addresses.includes(node.address))
      reasons.push(`${agent} has ${addresses.join(", ")} for ${node.name}, its API server ${node.address}`);
    if (!entry.podCidrs.includes(node.podCidr))
      reasons.push(
        `${agent} has pod CIDR ${entry.podCidrs.join(", ") || "none"} for ${node.name}, its API server ${node.podCidr}`,
      );
  }
  return failedBecause(reasons);
}

/** A cluster as its peers see it. */
interface Peer {
  readonly name: string;
  readonly id: number;
}

/** From the "remote configuration" and "synchronization status" of Cilium's Cluster Mesh troubleshooting guide. */
export function judgeRemoteCluster(
  agent: string,
  peer: Peer,
  remote: RemoteClusterStatus | undefined,
  truth: RemoteTruth,
): Verdict {
  const reasons = connectionTroubles(agent, peer, remote);
  if (remote === undefined) return failedBecause(reasons);
  // An agent that reads EndpointSlices does not read services (ShouldWatchLegacyServices in pkg/clustermesh/types).
  const served = remote.synced.endpointSlices === undefined ? "services" : "endpointSlices";
  for (const part of ["nodes", "endpoints", "identities", served] as const) {
    // Cilium leaves out a count of zero.
    const shown = remote.counts[part] ?? 0;
    if (shown !== truth[part])
      reasons.push(
        `${agent}: remote cluster ${peer.name} shows ${shown} ${part}, its API server has ${truth[part]}`,
      );
  }
  return failedBecause(reasons);
}

/** The same checks for KVStoreMesh, which copies the peers' state for the agents, without the counts. */
export function judgeKvstoreMesh(who: string, peer: Peer, remote: RemoteClusterStatus | undefined): Verdict {
  return failedBecause(connectionTroubles(who, peer, remote));
}

function connectionTroubles(
  who: string,
  { name, id }: Peer,
  remote: RemoteClusterStatus | undefined,
): string[] {
  if (remote === undefined) return [`${who} knows no remote cluster ${name}`];
  const reasons: string[] = [];
  const say = (text: string): void => void reasons.push(`${who}: remote cluster ${name} ${text}`);
  if (!remote.config.retrieved) say("has no configuration retrieved");
  else if (remote.config.clusterId !== id) say(`has id ${remote.config.clusterId}, expected ${id}`);
  if (!remote.connected) say(`is not connected: ${remote.status}`);
  if (!remote.ready) say(`is not ready: ${remote.status}`);
  for (const part of ["nodes", "endpoints", "identities", "services"] as const)
    if (!remote.synced[part]) say(`has not synchronised its ${part}`);
  if (remote.synced.endpointSlices === false) say("has not synchronised its endpointSlices");
  return reasons;
}
