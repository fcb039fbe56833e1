import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/** The peers that a cluster's values list, with the certificate that each may have of its own. */
export function peersOf(c: SourceCluster): ReadonlyMap<string, unknown> {
  const written = at(c.values, "clustermesh.config.clusters");
  const entries = Array.isArray(written)
    ? (written as ({ readonly name?: unknown } | null)[]).map((p): [string, unknown] => [String(p?.name), p])
    : Object.entries((written ?? {}) as Readonly<Record<string, unknown>>);
  return new Map(entries);
}

/** Clusters whose values list their peers, without one of those that are known. */
export function unlistedPeers(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c): Problem[] => {
    const peers = [...peersOf(c)];
    if (peers.length === 0) return [];
    const isOff = ([, peer]: (typeof peers)[number]): boolean => at({ peer }, "peer.enabled") === false;
    const listed = peers.filter((p) => !isOff(p)).map(([name]) => name);
    const off = peers.filter(isOff).map(([name]) => `${name} has enabled: false`);
    const missing = clusters.filter((o) => o !== c && !listed.includes(o.name)).map((o) => o.name);
    if (missing.length === 0) return [];
    return [
      {
        cluster: c.name,
        field: "clustermesh.config.clusters",
        inSource: `lists ${listed.join(", ") || "nobody"}, and not ${missing.join(", ")}${off.length === 0 ? "" : ` (${off.join(", ")})`}: ${c.name} does not connect to it (names must be those of cluster.name)`,
        inLab: "every other cluster",
        matters: "yes",
      },
    ];
  });
}

/** The chart's own node port (values.yaml, clustermesh.apiserver.service.nodePort). */
const chartNodePort = 32_379;

/** Peers that are contacted on their nodes at a port that is not the one of their NodePort service. */
export function wrongPeerPorts(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c) =>
    [...peersOf(c)].flatMap(([name, peer]): Problem[] => {
      const other = clusters.find((o) => o !== c && o.name === name);
      const [port, ips] = [Number(at({ peer }, "peer.port")), at({ peer }, "peer.ips")];
      const isRead = other !== undefined && Number.isInteger(port) && Array.isArray(ips) && ips.length > 0;
      if (!isRead || at({ peer }, "peer.enabled") === false) return [];
      const service = "clustermesh.apiserver.service";
      const nodePort = Number(at(other.values, `${service}.nodePort`) ?? chartNodePort);
      if (at(other.values, `${service}.type`) !== "NodePort" || port === nodePort) return [];
      return [
        {
          cluster: c.name,
          field: `port of peer ${name}`,
          inSource: `contacts it at port ${port}; its clustermesh-apiserver is a NodePort at ${nodePort}`,
          inLab: "the lab's own ports",
          // Something before the nodes may forward it.
          matters: "perhaps",
        },
      ];
    }),
  );
}

/** Peers of which the source has no file. */
export function unknownPeers(clusters: readonly SourceCluster[]): Difference[] {
  const names = clusters.map((c) => c.name);
  return clusters.flatMap((c): Difference[] => {
    const unknown = [...peersOf(c)]
      .filter(([name, peer]) => !names.includes(name) && at({ peer }, "peer.enabled") !== false)
      .map(([name]) => name);
    return unknown.length === 0
      ? []
      : [
          {
            cluster: c.name,
            field: "peers",
            inSource: `connects to ${unknown.join(", ")}, of which there is no file`,
            inLab: "not a part of the lab",
            matters: "perhaps",
            difference: "differs",
            part: "other",
          },
        ];
  });
}
