import type { PeerTrouble } from "#harness/model/mesh-snapshot.ts";

/**
 * The failed steps, in order, in the output of `cilium-dbg troubleshoot clustermesh` or `kvstoremesh-dbg
 * troubleshoot`.
 */
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
