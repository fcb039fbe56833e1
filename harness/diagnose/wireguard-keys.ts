import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

/** A key, and not what a redaction left of one. */
const isKey = (text: string | undefined): text is string => /^[\w+/]{43}=$/.test(text ?? "");

/**
 * Nodes that are announced with another WireGuard key than their agents use: `initLocalNodeFromWireGuard`, which writes it
 * into the CiliumNode, and `loadOrGeneratePrivKey`, pkg/wireguard/agent/agent.go@1.20.2 (cilium#25492).
 */
export function wireguardKeys(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    cluster.config.ok && cluster.config.value["enable-wireguard"] === "true" ? ofCluster(cluster) : [],
  );
}

function ofCluster(cluster: ClusterSnapshot): Finding[] {
  const name = nameOf(cluster);
  return known(cluster.ciliumNodes).flatMap((node) => {
    const agent = cluster.agents.find((a) => a.node === node.name);
    const own = agent?.encryption?.ok === true ? agent.encryption.value.wireguardKey : undefined;
    const announced = node.wireguardKey;
    if (!isKey(own) || !isKey(announced) || own === announced) return [];
    return [
      findingOf("wireguard-key-differs", {
        cluster: cluster.name,
        subject: `WireGuard key of ${name}/${node.name}`,
        message: `CiliumNode ${node.name} of ${name} announces the WireGuard key ${announced}, and the agent there uses ${own}: the other nodes of every cluster encrypt for a key that ${node.name} does not have, so traffic of pods from and to it is lost`,
        next: `${restartAgent(cluster, node.name)}; it writes its key into the CiliumNode when it starts`,
      }),
    ];
  });
}
