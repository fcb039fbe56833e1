import type { PeerWord } from "#harness/model/mesh-snapshot.ts";

/**
 * Messages of agents and KVStoreMesh about a peer, and whether the connection is good
 * (pkg/clustermesh/common/remote_cluster.go).
 */
const sentences: Readonly<Record<string, boolean>> = {
  "Connection to remote cluster established": true,
  "Found remote cluster configuration": true,
  "Unable to establish etcd connection to remote cluster": false,
  "Unable to get remote cluster configuration": false,
  "Connection to remote cluster failed": false,
  "Error observed on etcd connection, reconnecting etcd": false,
};

const spoken = /msg="([^"]*)".* clusterName=(\S+)/;

/** A longer line is not Cilium's, and would take long to match. */
const longestLine = 8192;

/** How much of a log is searched. */
export const meshLogBytes = 1024 ** 2;

/** The lines of a log about peers. */
export function meshLines(log: string): string {
  return log
    .split("\n")
    .filter((line) => line.length <= longestLine && spoken.test(line))
    .join("\n");
}

/** The last message about each peer. */
export function readMeshLog(log: string): PeerWord[] {
  const last = new Map<string, PeerWord>();
  for (const line of log.split("\n")) {
    const [, sentence = "", peer = ""] = (line.length <= longestLine && spoken.exec(line)) || [];
    const good = sentences[sentence];
    if (good === undefined) continue;
    const error = /\berror="?([^"]*)"?/.exec(line)?.[1] ?? "";
    last.set(peer, { peer, good, text: error === "" ? sentence : `${sentence}: ${error}` });
  }
  return [...last.values()];
}
