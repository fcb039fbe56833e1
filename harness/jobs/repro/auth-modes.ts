import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { peersOf } from "./listed-peers.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/** 1.19 made `migration` the default (values.yaml of 1.18.11 and 1.19.7); undefined where the values are not known. */
function authMode(c: SourceCluster): string | undefined {
  const own = at(c.values, "clustermesh.apiserver.tls.authMode");
  if (typeof own === "string" && own !== "") return own;
  if (c.values.clustermesh === undefined || c.cilium === undefined) return undefined;
  return isAtLeast(c.cilium, "1.19") ? "migration" : "legacy";
}

/**
 * Logins that fail. With `cluster`, a cluster logs in to others as `remote-NAME`, with the other modes as `remote`
 * (templates/clustermesh-apiserver/_helpers.tpl@1.20.2, `remote-common-name`). Every etcd has `remote`
 * (pkg/kvstore/etcdinit/init.go:102@1.20.2); with `migration` and `cluster` it also has a user for each listed peer
 * (templates/clustermesh-apiserver/users-configmap.yaml of 1.18.11, 1.19.7 and 1.20.2).
 */
export function authModeProblems(clusters: readonly SourceCluster[]): Problem[] {
  return clusters
    .filter((c) => authMode(c) === "cluster")
    .flatMap((c) =>
      clusters.flatMap((other): Problem[] => {
        const mode = authMode(other);
        const peers = peersOf(other);
        if (other === c || mode === undefined || ownCertificate(c, other)) return [];
        const why =
          mode === "legacy"
            ? `${other.name} legacy`
            : peers.size > 0 && !peers.has(c.name)
              ? `${other.name} ${mode}, whose clustermesh.config.clusters does not list ${c.name}`
              : undefined;
        if (why === undefined) return [];
        return [
          {
            cluster: `${c.name}, ${other.name}`,
            field: "clustermesh.apiserver.tls.authMode",
            inSource: `${c.name} cluster, ${why}: ${c.name} logs in to ${other.name} as remote-${c.name}, a user that ${other.name}'s etcd does not have`,
            inLab: "the lab's own, one mode in all clusters",
            matters: "yes",
          },
        ];
      }),
    );
}

/** Values can give a certificate for one peer, whose user is not known. */
const ownCertificate = (c: SourceCluster, other: SourceCluster): boolean => {
  const peer = peersOf(c).get(other.name) as
    | { readonly tls?: { readonly cert?: unknown } | null }
    | undefined;
  return typeof peer?.tls?.cert === "string" && peer.tls.cert !== "";
};
