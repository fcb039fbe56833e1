import type { PeerTrouble } from "#harness/model/mesh-snapshot.ts";

/** `cilium-dbg troubleshoot clustermesh` and `kvstoremesh-dbg troubleshoot`: the steps marked as failed, in order. */
export function readTroubleshoot(text: string): PeerTrouble[] {
  const found: PeerTrouble[] = [];
  let peer = "";
  for (const line of text.split("\n")) {
    peer = /^Cluster "(.*)":/.exec(line)?.[1] ?? peer;
    const failed = /❌\s*(.*)$/u.exec(line)?.[1];
    if (failed !== undefined && peer !== "") found.push({ peer, step: failed.trim() });
  }
  return found;
}
