import { overlaps, parseCidr } from "#harness/lib/cidr.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { valuesRefused } from "#harness/semantics/chart-refusals.ts";
import { type IgnoredValue, ignoredValues } from "#harness/semantics/ignored-values.ts";
import {
  healthPort,
  routingMode,
  settingDifferences,
  tunnelProtocol,
  wrongName,
} from "#harness/semantics/mesh-settings.ts";
import { namedClusters } from "#harness/semantics/named-clusters.ts";
import { minorsApart } from "#harness/semantics/version-skew.ts";
import { authModeProblems } from "./auth-modes.ts";
import { notAnnounced } from "./bgp-announcements.ts";
import { sameIds, wrongIds } from "./cluster-ids.ts";
import { exportProblems } from "./export-problems.ts";
import { authorityOf } from "./given-certificates.ts";
import { sharedPools } from "./lb-pools.ts";
import {
  connectsToNobody,
  mayBeSetElsewhere,
  notReadable,
  unlistedPeers,
  wrongPeerPorts,
} from "./listed-peers.ts";
import { localRedirects } from "./local-redirects.ts";
import { masqueradedPods } from "./masqueraded-pods.ts";
import { nodePortsOutside } from "./node-ports.ts";
import { fromChart } from "./pod-network.ts";
import { policyRules } from "./policy-rules.ts";
import { serverAddresses, serverNames } from "./server-names.ts";
import { globalNamespaces, servicesInMesh } from "./service-problems.ts";
import { hasMcsApi, settingsOf, takenMaximum, unknownSettings } from "./source-settings.ts";
import { at, isPlaceholder } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/** What breaks the mesh in the source environment itself, whatever a lab can have. */
export function sourceProblems(
  clusters: readonly SourceCluster[],
  defects: readonly KnownDefect[],
): Difference[] {
  return [
    ...sameIds(clusters),
    ...overlappingNetworks(clusters),
    ...sameNodeAddresses(clusters),
    ...sharedPools(clusters),
    ...clusters.flatMap(refused),
    ...settingsThatDiffer(clusters),
    ...masqueradedPods(clusters),
    ...unlistedPeers(clusters),
    ...wrongPeerPorts(clusters),
    ...serverNames(clusters),
    ...serverAddresses(clusters),
    ...authModeProblems(clusters),
    ...mcsInPart(clusters),
    ...globalNamespaces(clusters),
    ...clusters.flatMap(wrongNames),
    ...clusters.flatMap(wrongIds),
    ...versionsApart(clusters),
    ...clusters.flatMap(unreadValues),
    ...clusters.flatMap(nodePortsOutside),
    ...clusters.flatMap(notAnnounced),
    ...clusters.flatMap((c) => [...notReadable(c, clusters), ...connectsToNobody(c, clusters)]),
    ...servicesInMesh(clusters, defects),
    ...localRedirects(clusters),
    ...exportProblems(clusters),
    ...policiesOfOthers(clusters),
    ...policyRules(clusters),
  ].map((p): Difference => ({ part: "source", ...p, difference: "differs" }));
}

const pairsOf = <T>(items: readonly T[]): [T, T][] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));

const namesOf = (...clusters: readonly SourceCluster[]): string => clusters.map((c) => c.name).join(", ");

/** Of cilium-config; a name in values is refused by the chart. */
function wrongNames(c: SourceCluster): Problem[] {
  const why = wrongName(c.name);
  if (why === undefined || c.config["cluster-name"] !== c.name || at(c.values, "cluster.name") === c.name)
    return [];
  return [{ cluster: c.name, field: "cluster name", inSource: why, inLab: "another name", matters: "yes" }];
}

const rangesOf = ({ podNetwork: { all, defaults } }: SourceCluster): readonly string[] => [
  ...all,
  ...defaults,
];

function overlappingNetworks(clusters: readonly SourceCluster[]): Problem[] {
  return pairsOf(clusters).flatMap(([a, b]): Problem[] => {
    const found: Problem[] = [];
    for (const x of rangesOf(a))
      for (const y of rangesOf(b)) {
        if (!overlaps(parseCidr(x), parseCidr(y))) continue;
        const byDefault = [
          ...(a.podNetwork.defaults.includes(x) ? [a.name] : []),
          ...(b.podNetwork.defaults.includes(y) ? [b.name] : []),
        ];
        const which = `${a.name} ${x}, ${b.name} ${y}`;
        found.push({
          cluster: namesOf(a, b),
          field: "pod CIDR",
          inSource:
            byDefault.length === 0
              ? `they overlap: ${which}`
              : `they overlap: ${which} (${fromChart} in ${byDefault.join(" and ")}, because no file gives a pool)`,
          inLab: "disjoint pod CIDRs",
          matters: byDefault.length === 0 ? "yes" : "perhaps",
        });
      }
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      for (const x of one.podNetwork.all)
        for (const y of other.serviceCidrs)
          if (overlaps(parseCidr(x), parseCidr(y)))
            found.push({
              cluster: namesOf(a, b),
              field: "pod CIDR",
              inSource: `${one.name}'s pods ${x} overlap ${other.name}'s services ${y}`,
              inLab: "disjoint CIDRs",
              matters: "yes",
            });
    return found;
  });
}

function sameNodeAddresses(clusters: readonly SourceCluster[]): Problem[] {
  return pairsOf(clusters).flatMap(([a, b]): Problem[] => {
    const same = a.nodeIps.filter((ip) => b.nodeIps.includes(ip));
    return same.length === 0
      ? []
      : [
          {
            cluster: namesOf(a, b),
            field: "node addresses",
            inSource: `nodes of both have ${same.slice(0, 3).join(", ")}: nodes of a mesh must reach one another`,
            inLab: "the lab's own addresses",
            matters: "yes",
          },
        ];
  });
}

function settingsThatDiffer(clusters: readonly SourceCluster[]): Problem[] {
  const unknown = new Map(clusters.map((c) => [c.name, unknownSettings(c)]));
  const rows = settingDifferences(clusters.map(settingsOf)).flatMap(
    ({ setting: { key, effect }, values: all }): Problem[] => {
      const values = all.filter((v) => unknown.get(v.name)?.has(key) !== true);
      if (new Set(values.map((v) => v.value)).size < 2) return [];
      return [
        {
          cluster: namesOf(...clusters),
          field: `${key} differs`,
          inSource: `${values.map((v) => `${v.name} ${v.value}`).join(", ")}: ${effect}`,
          inLab: inLabOf(
            key,
            values.map((v) => v.value),
          ),
          matters: key === "identity-allocation-mode" ? "perhaps" : "yes",
        },
      ];
    },
  );
  return [...rows, ...differentCas(clusters)];
}

/** An export is imported only where MCS-API is on too. */
function mcsInPart(clusters: readonly SourceCluster[]): Problem[] {
  const isRead = (c: SourceCluster): boolean =>
    Object.keys(c.values).length > 0 || Object.keys(c.config).length > 0;
  const [on, off] = [clusters.filter(hasMcsApi), clusters.filter((c) => isRead(c) && !hasMcsApi(c))];
  const exported = on.flatMap((c) => c.serviceExports);
  if (off.length === 0 || exported.length === 0) return [];
  return [
    {
      cluster: namesOf(...clusters),
      field: "MCS-API differs",
      inSource: `on in ${namesOf(...on)}, off in ${namesOf(...off)}: what the first export is not imported in the others`,
      inLab: "as it is",
      matters: "yes",
    },
  ];
}

/** By their keys: two CAs can have the same name. Clusters whose values have none may have any. */
function differentCas(clusters: readonly SourceCluster[]): Problem[] {
  const given = clusters.flatMap((c) => {
    const ca = at(c.values, "tls.ca.cert");
    return typeof ca !== "string" || ca.trim() === "" || isPlaceholder(ca)
      ? []
      : [{ c, authority: authorityOf(ca) }];
  });
  const groups = Map.groupBy(given, (g) => g.authority);
  if (groups.size < 2) return [];
  const alike = [...groups.values()].map(
    (of, i) => `${i === 0 ? "one" : "another"} in ${namesOf(...of.map(({ c }) => c))}`,
  );
  return [
    {
      cluster: namesOf(...given.map(({ c }) => c)),
      field: "CA differs",
      inSource: `tls.ca.cert is not the same certificate: ${alike.join("; ")}: clusters with different ones refuse one another, unless a bundle trusts both`,
      inLab: "one CA for all clusters",
      matters: "perhaps",
    },
  ];
}

function inLabOf(key: string, values: readonly string[]): string {
  if (key === "max-connected-clusters") return `${takenMaximum(values.map(Number))}, in all clusters`;
  if (key === "encryption") return "off, in all clusters";
  if (key === "cluster-health-port") return `${healthPort({ settings: {} })}, in all clusters`;
  return key === "tunnel-protocol" && values.includes("geneve") ? "vxlan, in all clusters" : "as it is";
}

function versionsApart(clusters: readonly SourceCluster[]): Problem[] {
  const apart = minorsApart(
    clusters.flatMap((c) => (c.cilium === undefined ? [] : [{ name: c.name, version: c.cilium }])),
  );
  if (apart === undefined) return [];
  const { oldest, newest } = apart;
  return [
    {
      cluster: `${oldest.name}, ${newest.name}`,
      field: "Cilium versions",
      inSource: `more than one minor release apart: ${oldest.name} ${oldest.version}, ${newest.name} ${newest.version}`,
      inLab: "as it is",
      matters: "perhaps",
    },
  ];
}

/**
 * Values with which the chart of this version stops, or its agents end at once. A number in quotes is a number here, and
 * what old words of kubeProxyReplacement mean is a line of its own.
 */
function refused(c: SourceCluster): Problem[] {
  if (c.cilium === undefined) return [];
  return valuesRefused(c.values, c.cilium)
    .filter(({ path }) => path !== "kubeProxyReplacement")
    .map(({ path, shown, who, wants, isOfChart }) => ({
      cluster: c.name,
      field: `value ${path}`,
      inSource: `${shown}: ${who} it: ${wants}`,
      inLab: isOfChart ? "what the chart takes" : "left out",
      // What stands beside it may be in a file that was not read.
      matters: isOfChart && mayBeSetElsewhere(c) ? "perhaps" : "yes",
    }));
}

/** Values that the chart of this version does not read, or refuses. */
function unreadValues(c: SourceCluster): Problem[] {
  const { cilium } = c;
  if (cilium === undefined) return [];
  return ignoredValues(c.values, cilium).map((ignored): Problem => {
    const { path, removed, brought, instead, note } = ignored;
    const isUnknown = removed === undefined && brought === undefined && instead === undefined;
    return {
      cluster: c.name,
      field: `value ${path}`,
      inSource: `${whyIgnored(ignored, cilium)}${removed === undefined ? "" : meaningOf(path, c)}`,
      inLab:
        removed === undefined || instead === undefined
          ? `left out${note === undefined ? "" : `: ${note}`}`
          : `left out; it is now ${instead}`,
      matters: isUnknown ? "perhaps" : "yes",
    };
  });
}

function whyIgnored({ value, removed, brought, instead, refused }: IgnoredValue, cilium: string): string {
  if (removed !== undefined) {
    const text = typeof value === "object" ? "set" : String(value);
    const ignores = `${cilium} ignores it${refused ? " (its chart refuses an upgrade with it)" : ""}`;
    return `${text}: Cilium ${removed} removed it, so ${ignores}`;
  }
  if (brought !== undefined) return `Cilium ${brought} brought it, so ${cilium} ignores it`;
  if (instead !== undefined) return `the chart ignores it: its value is ${instead}`;
  return `the chart of ${cilium} has no such value, and ignores it`;
}

/** What agents do in place of what a removed value says. */
function meaningOf(path: string, c: SourceCluster): string {
  const settings = settingsOf(c);
  const protocol = tunnelProtocol(settings);
  if (path === "tunnel")
    return `; routing is ${routingMode(settings)}${protocol === undefined ? "" : ` over ${protocol}`}`;
  return path.includes("clusterPool")
    ? `; pods have addresses of ${c.podNetwork.cidrs.join(", ")} (${c.podNetwork.from})`
    : "";
}

/** Policies that select pods of a cluster which is not in the source, perhaps by an old name of one that is. */
function policiesOfOthers(clusters: readonly SourceCluster[]): Problem[] {
  const names = clusters.map((c) => c.name);
  return clusters.flatMap((c) =>
    [...c.policies, ...c.clusterwide].flatMap((p): Problem[] => {
      const others = namedClusters([p.spec, p.specs]).filter((name) => !names.includes(name));
      if (others.length === 0) return [];
      const label = [p.metadata.namespace, p.metadata.name].filter((n) => n !== undefined).join("/");
      return [
        {
          cluster: c.name,
          field: `${p.kind} ${label}`,
          inSource: `selects from cluster ${others.join(", ")}, which is not in the source (${names.join(", ")})`,
          inLab: "as it is",
          matters: "perhaps",
        },
      ];
    }),
  );
}
