import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot, PeerTrouble, PeerWord } from "#harness/model/mesh-snapshot.ts";
import { known } from "./parts.ts";

/**
 * DNS, TCP, TLS and etcd towards each peer, then the status in KVStoreMesh and the agents, last what they logged about
 * it: a status may report a lost connection as ready for minutes.
 */
export function connections(mesh: MeshSnapshot): Finding[] {
  const found: Finding[] = [];
  for (const cluster of mesh.clusters) {
    const say = (subject: string, message: string, next: string): void =>
      void found.push({
        layer: "connections",
        severity: "broken",
        cluster: cluster.name,
        subject,
        message,
        next,
      });
    const reported = new Set<string>();
    for (const trouble of known(cluster.kvstoreMeshTrouble)) {
      if (reported.has(trouble.peer)) continue;
      reported.add(trouble.peer);
      say(
        `KVStoreMesh of ${cluster.name} to ${trouble.peer}`,
        `KVStoreMesh of ${cluster.name} cannot reach ${trouble.peer}: ${trouble.step}`,
        remedy(trouble),
      );
    }
    for (const remote of known(cluster.kvstoreMesh)) {
      if (remote.ready || reported.has(remote.name)) continue;
      say(
        `KVStoreMesh of ${cluster.name} to ${remote.name}`,
        `KVStoreMesh of ${cluster.name} is not ready for ${remote.name}: ${remote.status}`,
        "kvstoremesh-dbg troubleshoot",
      );
    }
    const logged = (who: string, words: readonly PeerWord[]): void => {
      for (const { peer, good, text } of words)
        if (!good)
          say(
            `${who} to ${peer}`,
            `${who} last logged about ${peer}: ${text}`,
            `check its log and the connection to ${peer}`,
          );
    };
    for (const agent of cluster.agents) {
      for (const remote of known(agent.remotes)) {
        if (remote.ready && Object.values(remote.synced).every(Boolean)) continue;
        say(
          `the agent of ${agent.node} to ${remote.name}`,
          `the agent of ${cluster.name}/${agent.node} is not ready for ${remote.name}: ${remote.status}`,
          "cilium-dbg troubleshoot clustermesh",
        );
      }
    }
    logged(`KVStoreMesh of ${cluster.name}`, known(cluster.kvstoreMeshWords));
    for (const agent of cluster.agents)
      logged(`the agent of ${cluster.name}/${agent.node}`, known(agent.words));
  }
  return found;
}

function remedy({ step }: PeerTrouble): string {
  if (/unknown authority|certificate signed by/.test(step))
    return "the two sides do not share a CA: compare the CA certificates of both clusters";
  if (/expired|bad certificate|authentication failed|invalid/i.test(step))
    return "check the validity of the certificate that this side presents, and renew it";
  if (/resolve/.test(step))
    return "check hostAliases of clustermesh-apiserver and the addresses configured for the peer";
  if (/TCP/.test(step)) return "check the peer's service, its port and the firewalls in between";
  return "check etcd in the peer's clustermesh-apiserver";
}
