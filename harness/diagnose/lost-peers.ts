import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PeerTrouble } from "#harness/model/mesh-snapshot.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, unseenPeers } from "./parts.ts";
import { contacts } from "./peer-addresses.ts";

/** How a cluster does not reach a peer. */
interface Loss {
  /** `KVStoreMesh of c1`. */
  readonly who: string;
  /** The step that fails, where it was read. */
  readonly step: string | undefined;
}

/**
 * Clusters that were not given and that no cluster with an entry for them reaches, of two or more: usually they were taken
 * down, and nobody removed their entries. One finding for what then fails in every cluster.
 */
export function lostPeers(mesh: MeshSnapshot): Finding[] {
  // A cluster whose peers are not known may reach it.
  if (mesh.clusters.some((c) => !c.peers.ok)) return [];
  const names = new Set(mesh.clusters.flatMap((c) => [...unseenPeers(mesh, c)]));
  return [...names].flatMap((peer) => {
    const readers = mesh.clusters.filter((c) => c.peers.ok && hasEntry(c, peer));
    const losses = readers.flatMap((c) => lossOf(c, peer) ?? []);
    return readers.length < 2 || losses.length < readers.length ? [] : [findingFor(peer, readers, losses)];
  });
}

/** To follow a next step: what else is to be done where the peer was not given, and may be gone. */
export const orGone = (mesh: MeshSnapshot, cluster: ClusterSnapshot, peer: string): string =>
  unseenPeers(mesh, cluster).has(peer)
    ? `; if ${peer} is gone for good: remove it from clustermesh.config.clusters of ${cluster.name}`
    : "";

const hasEntry = ({ peers }: ClusterSnapshot, peer: string): boolean =>
  peers.ok && Object.values(peers.value).some((entries) => entries[peer] !== undefined);

/** Somebody is there, and one side does not take the other's certificate. */
const isAnswer = /x509|tls:|certificate|authentication/i;

/** Undefined where it is connected, or answers otherwise than it should: then it is there. */
function lossOf(cluster: ClusterSnapshot, peer: string): Loss | undefined {
  const contact = contacts(cluster).find((c) => c.peer === peer);
  if (contact === undefined) return undefined;
  const isCopied = contact.who === "KVStoreMesh";
  const { kvstoreMesh, kvstoreMeshTrouble, kvstoreMeshWords } = cluster;
  const of = <T extends { readonly peer: string }>(all: readonly T[]): T[] =>
    all.filter((one) => one.peer === peer);
  const statuses: readonly RemoteClusterStatus[] = isCopied
    ? known(kvstoreMesh)
    : cluster.agents.flatMap((a) => [...known(a.remotes)]);
  const remotes = statuses.filter((r) => r.name === peer);
  const troubles = isCopied
    ? firstOfEach(of(known(kvstoreMeshTrouble)))
    : cluster.agents.flatMap((a) => of(known(a.trouble)).slice(0, 1));
  const said = isCopied ? [known(kvstoreMeshWords)] : cluster.agents.map((a) => known(a.words));
  const isSilent =
    troubles.length > 0
      ? troubles.every(({ step }) => /TCP|resolve/.test(step))
      : remotes.length > 0 && !of(said.flat()).some(({ text }) => isAnswer.test(text));
  if (!isSilent || remotes.some((r) => r.connected)) return undefined;
  return { who: `${contact.who} of ${cluster.name}`, step: troubles[0]?.step };
}

/** The first failed step of each replica. */
const firstOfEach = (troubles: readonly PeerTrouble[]): PeerTrouble[] =>
  troubles.filter((t, i) => troubles.findIndex((other) => other.pod === t.pod) === i);

function findingFor(peer: string, readers: readonly ClusterSnapshot[], losses: readonly Loss[]): Finding {
  const clusters = readers.map((c) => c.name).join(" and ");
  const steps = [...new Set(losses.flatMap(({ step }) => step ?? []))];
  const who = losses.map((loss) => loss.who).join(" and ");
  const how = steps.length === 0 ? "" : ` (${shortList(steps, 2)})`;
  return findingOf("peer-lost", {
    cluster: readers[0]?.name ?? "",
    subject: `cluster ${peer}`,
    message: `no cluster reaches ${peer}: ${who} do not${how}, and no data of ${peer} was supplied, so it is down or cut off from all of them, or it is gone and they still have its entry`,
    next: `if ${peer} is gone for good: remove it from clustermesh.config.clusters in the Helm values of ${clusters}, and upgrade their releases; otherwise see whether its clustermesh-apiserver runs and its address still leads there, and supply its sysdump too`,
  });
}
