import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, nameOf } from "./parts.ts";

const counter = "XfrmInStateProtoError";
const nodesShown = 3;

/** The ids of a cluster's IPsec keys; none where IPsec is off. */
function keyIdsOf({ config, ciliumNodes }: ClusterSnapshot): readonly number[] {
  if (!config.ok || config.value["enable-ipsec"] !== "true") return [];
  return [...new Set(known(ciliumNodes).flatMap((n) => (n.encryptionKey ? [n.encryptionKey] : [])))];
}

/**
 * Of two clusters between whose nodes packets to pods do not arrive, while those within each cluster do: that the nodes of
 * `to` cannot decrypt what arrives with a key id that they have (Documentation/security/network/encryption-ipsec.rst@1.20.2,
 * XfrmInStateProtoError; cilium#26626). Undefined where the nodes' counters do not show it: they count from the boot of the
 * node, so they are asked only about packets that are known to be lost now.
 */
export function ipsecKeyContent(from: ClusterSnapshot, to: ClusterSnapshot): Finding | undefined {
  const shared = keyIdsOf(from).filter((id) => keyIdsOf(to).includes(id));
  const counts = to.agents.flatMap(({ node, encryption }) =>
    encryption?.ok === true ? [{ node, errors: encryption.value.xfrmErrors[counter] ?? 0 }] : [],
  );
  if (shared.length === 0 || counts.length === 0 || counts.some((c) => c.errors === 0)) return undefined;
  const [own, peer] = [nameOf(to), nameOf(from)];
  const shown = shortList(
    counts.map((c) => `${c.node} ${c.errors}`),
    nodesShown,
  );
  return findingOf("ipsec-key-content", {
    cluster: to.name,
    subject: `IPsec keys of ${peer} and ${own}`,
    message: `nodes of ${own} cannot decrypt what nodes of ${peer} send to pods (${counter}: ${shown}), although both clusters use IPsec key ${shared.join(", ")} and pods within ${own} reach each other: the Secrets cilium-ipsec-keys of ${peer} and ${own} have keys of one id and another content`,
    next: `compare \`kubectl -n kube-system get secret cilium-ipsec-keys -o jsonpath='{.data.keys}' | sha256sum\` of both clusters, and give both the same Secret, with a new key id`,
  });
}
