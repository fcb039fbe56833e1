import { isMapping } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { wordsOf } from "#harness/semantics/chart-refusals.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/**
 * The peers that a cluster's values list, with the certificate that each may have of its own. In a list, a name such as
 * `no` without quotes is false, and no name: that is a line of its own (`peerRules`).
 */
export function peersOf(c: SourceCluster): ReadonlyMap<string, unknown> {
  const written = at(c.values, "clustermesh.config.clusters");
  const entries = Array.isArray(written)
    ? (written as ({ readonly name?: unknown } | null)[])
        .filter((p) => typeof p?.name !== "boolean")
        .map((p): [string, unknown] => [String(p?.name), p])
    : Object.entries((written ?? {}) as Readonly<Record<string, unknown>>);
  return new Map(entries);
}

/** A key `no` without quotes is `false` in Helm's YAML. */
const shownName = (name: string): string =>
  name === "true" || name === "false" ? `${name} (${wordsOf(name === "true")})` : name;

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
        inSource: `lists ${listed.map(shownName).join(", ") || "nobody"}, and not ${missing.join(", ")}${off.length === 0 ? "" : ` (${off.join(", ")})`}: ${c.name} does not connect to it (names must be those of cluster.name)`,
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

/** The others whose values list a cluster as a peer of theirs. */
const listersOf = (c: SourceCluster, clusters: readonly SourceCluster[]): string =>
  clusters
    .filter((o) => o !== c && peersOf(o).has(c.name))
    .filter((o) => at({ peer: peersOf(o).get(c.name) }, "peer.enabled") !== false)
    .map((o) => o.name)
    .join(", ");

/** Whether all values of a cluster are known: what its agents' ConfigMap says does not hold them. */
export const hasValues = ({ values, config }: SourceCluster): boolean =>
  Object.keys(config).length === 0 && Object.keys(values).some((key) => key !== "cluster");

/** Both values below are false by default. */
const isOff = (value: unknown): boolean => value === false || value === undefined || value === null;
const textOf = (value: unknown): string => (value === false ? "false" : "not set, which is false");

/** Files and arguments that were not read may set a value. */
export const mayBeSetElsewhere = ({ notes }: SourceCluster): boolean =>
  notes.some(({ inLab }) => /^not (read|known)\b/.test(inLab));

/**
 * A cluster whose values leave its clustermesh-apiserver out, and that has no etcd of its own, has nothing that others
 * could connect to (templates/clustermesh-apiserver/deployment.yaml of the chart, 1.19.7: rendered with
 * clustermesh.useAPIServer only).
 */
export function notReadable(c: SourceCluster, clusters: readonly SourceCluster[]): Problem[] {
  const set = at(c.values, "clustermesh.useAPIServer");
  if (!isOff(set) || at(c.values, "etcd.enabled") === true) return [];
  if ([...c.services, ...c.workloads].some((o) => o.metadata.name === "clustermesh-apiserver")) return [];
  const listers = listersOf(c, clusters);
  const others = clusters.filter((o) => at(o.values, "clustermesh.useAPIServer") === true);
  if (set !== false) {
    // A command that does not say of which cluster it is may be of this one.
    const mayBeEnabled = clusters.some((o) =>
      o.notes.some((n) => n.inSource.includes("cilium clustermesh enable")),
    );
    const isMeant = listers !== "" || (others.length > 0 && isMapping(at(c.values, "clustermesh")));
    if (!isMeant || mayBeEnabled || !hasValues(c)) return [];
  }
  const isPeer =
    listers !== ""
      ? `, though it is a peer in the values of ${listers}`
      : others.length === 0
        ? ""
        : `, though it is true in ${others.map((o) => o.name).join(", ")}`;
  return [
    {
      cluster: c.name,
      field: "clustermesh.useAPIServer",
      inSource: `${textOf(set)}: no other cluster can read this one${isPeer}`,
      inLab: "true",
      // The Cilium CLI may have enabled it, where nobody says that the cluster is a peer.
      matters: set !== false && (listers === "" || mayBeSetElsewhere(c)) ? "perhaps" : "yes",
    },
  ];
}

/**
 * Without clustermesh.config.enabled the chart makes no Secret cilium-clustermesh, so agents know no peer
 * (templates/clustermesh-config/clustermesh-secret.yaml, 1.19.7). Another program may make that Secret.
 */
export function connectsToNobody(c: SourceCluster, clusters: readonly SourceCluster[]): Problem[] {
  const set = at(c.values, "clustermesh.config.enabled");
  if (!isOff(set) || !hasValues(c)) return [];
  if (c.others.some((o) => o.metadata.name === "cilium-clustermesh")) return [];
  const listers = listersOf(c, clusters);
  const own = [...peersOf(c).keys()].filter((name) => name !== c.name);
  if (listers === "" && own.length === 0) return [];
  const why = [
    ...(listers === "" ? [] : [`it is a peer in the values of ${listers}`]),
    ...(own.length === 0 ? [] : [`its own values list ${own.join(", ")}`]),
  ];
  return [
    {
      cluster: c.name,
      field: "clustermesh.config.enabled",
      inSource: `${textOf(set)}: ${c.name} connects to nobody, though ${why.join(", and ")}`,
      inLab: "true",
      matters: "perhaps",
    },
  ];
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
