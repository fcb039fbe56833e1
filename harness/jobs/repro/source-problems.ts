import { overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { serviceProblems } from "#harness/semantics/service-definitions.ts";
import { chartKeys, closedParts, removedValues } from "./chart-keys.ts";
import { fromChart, isCidr } from "./pod-network.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;
type Values = Readonly<Record<string, unknown>>;

/** What breaks the mesh in the source environment itself, whatever a lab can have. */
export function sourceProblems(clusters: readonly SourceCluster[]): Difference[] {
  return [
    ...sameIds(clusters),
    ...overlappingNetworks(clusters),
    ...sameNodeAddresses(clusters),
    ...settingsThatDiffer(clusters),
    ...masqueraded(clusters),
    ...unlistedPeers(clusters),
    ...clusters.flatMap(idOutOfRange),
    ...clusters.flatMap(unreadValues),
    ...clusters.flatMap(useless),
    ...services(clusters),
  ].map((p) => ({ ...p, difference: "differs", part: "source" }));
}

const pairsOf = <T>(items: readonly T[]): [T, T][] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));

const namesOf = (...clusters: readonly SourceCluster[]): string => clusters.map((c) => c.name).join(", ");

function sameIds(clusters: readonly SourceCluster[]): Problem[] {
  const groups = Map.groupBy(clusters, (c) => c.id);
  return [...groups].flatMap(([id, same]): Problem[] =>
    id === undefined || same.length < 2 || id === 0
      ? []
      : [
          {
            cluster: namesOf(...same),
            field: "cluster id",
            inSource: `${id} in ${same.length} clusters: agents take each other's pods for their own, and refuse to connect`,
            inLab: "one id each",
            matters: "yes",
          },
        ],
  );
}

function idOutOfRange(c: SourceCluster): Problem[] {
  const most = Number(meshSettings(c)["max-connected-clusters"]);
  if (c.id === undefined || (c.id >= 1 && c.id <= most)) return [];
  return [
    {
      cluster: c.name,
      field: "cluster id",
      inSource:
        c.id === 0
          ? "0: a cluster without an id joins no mesh"
          : `${c.id}: over ${most} (clustermesh.maxConnectedClusters)`,
      inLab: "another id",
      matters: "yes",
    },
  ];
}

function overlappingNetworks(clusters: readonly SourceCluster[]): Problem[] {
  return pairsOf(clusters).flatMap(([a, b]): Problem[] => {
    const found: Problem[] = [];
    for (const x of a.podNetwork.cidrs)
      for (const y of b.podNetwork.cidrs) {
        if (!overlaps(parseCidr(x), parseCidr(y))) continue;
        const byDefault = [a, b].filter((c) => c.podNetwork.from === fromChart).map((c) => c.name);
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
      for (const x of one.podNetwork.from === fromChart ? [] : one.podNetwork.cidrs)
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

/** Settings of cilium-config that a mesh needs equal, with the value of the chart and what is lost where they differ. */
const mustBeEqual: readonly {
  readonly key: string;
  readonly path: string;
  readonly chart: string;
  readonly lost: string;
}[] = [
  {
    key: "max-connected-clusters",
    path: "clustermesh.maxConnectedClusters",
    chart: "255",
    lost: "identities of peers are misread",
  },
  { key: "routing-mode", path: "routingMode", chart: "tunnel", lost: "packets between the clusters" },
  { key: "tunnel-protocol", path: "tunnelProtocol", chart: "vxlan", lost: "packets between the clusters" },
  { key: "tunnel-port", path: "tunnelPort", chart: "0", lost: "packets between the clusters" },
  { key: "underlay-protocol", path: "underlayProtocol", chart: "ipv4", lost: "packets between the clusters" },
  {
    key: "encryption",
    path: "encryption.enabled",
    chart: "off",
    lost: "packets between the clusters, or their encryption",
  },
  {
    key: "identity-allocation-mode",
    path: "identityAllocationMode",
    chart: "crd",
    lost: "nothing by itself: check the kvstores",
  },
  { key: "enable-ipv4", path: "ipv4.enabled", chart: "true", lost: "IPv4 between the clusters" },
  { key: "enable-ipv6", path: "ipv6.enabled", chart: "false", lost: "IPv6 between the clusters" },
  { key: "mtu", path: "MTU", chart: "0", lost: "full-size packets" },
];

/** The settings above, as the agents of a cluster have them: from cilium-config, else from its values, else the chart's. */
export function meshSettings({ config, values, cilium }: SourceCluster): Readonly<Record<string, string>> {
  const settings = Object.fromEntries(
    mustBeEqual.map(({ key, path, chart }) => [key, String(config[key] ?? at(values, path) ?? chart)]),
  );
  const encrypted = at(values, "encryption.enabled") === true;
  const type = String(at(values, "encryption.type") ?? "ipsec");
  const byConfig =
    config["enable-wireguard"] === "true" ? "wireguard" : config["enable-ipsec"] === "true" ? "ipsec" : "off";
  settings.encryption = Object.keys(config).length > 0 ? byConfig : encrypted ? type : "off";
  // The old value, while charts read it.
  const { tunnel } = values;
  if (typeof tunnel === "string" && cilium !== undefined && !isAtLeast(cilium, "1.15")) {
    if (tunnel === "disabled") settings["routing-mode"] = "native";
    else settings["tunnel-protocol"] = tunnel;
  }
  if (settings["routing-mode"] === "native") {
    settings["tunnel-protocol"] = "none";
    settings["tunnel-port"] = "none";
  }
  // 0 is the protocol's own port.
  const usual: Readonly<Record<string, string>> = { vxlan: "8472", geneve: "6081" };
  if (settings["tunnel-port"] === "0")
    settings["tunnel-port"] = usual[settings["tunnel-protocol"] ?? ""] ?? "0";
  return settings;
}

/**
 * The only place of the plan that knows which settings must be equal: a table that `diagnose` shares takes the place of
 * `mustBeEqual`, for it has the same keys as cilium-config.
 */
function settingsThatDiffer(clusters: readonly SourceCluster[]): Problem[] {
  const settings = clusters.map((c) => ({ c, of: meshSettings(c) }));
  const isOther = (key: string): boolean => new Set(settings.map((s) => s.of[key])).size > 1;
  const inLab = (key: string): string => {
    if (key === "max-connected-clusters") return "the highest of them, in all clusters";
    if (key === "encryption") return "off, in all clusters";
    const isGeneve = key === "tunnel-protocol" && settings.some((s) => s.of[key] === "geneve");
    return isGeneve ? "vxlan, in all clusters" : "as it is";
  };
  const rows = mustBeEqual.flatMap(({ key, lost }): Problem[] => {
    // The protocol follows from the routing, and the port from the protocol.
    const follows = { "tunnel-protocol": "routing-mode", "tunnel-port": "tunnel-protocol" }[key];
    if (!isOther(key) || (follows !== undefined && isOther(follows))) return [];
    return [
      {
        cluster: namesOf(...clusters),
        field: `${key} differs`,
        inSource: `${settings.map((s) => `${s.c.name} ${s.of[key]}`).join(", ")}: lost is ${lost}`,
        inLab: inLab(key),
        matters: key === "identity-allocation-mode" ? "perhaps" : "yes",
      },
    ];
  });
  const cas = clusters.map((c) => at(c.values, "tls.ca.cert"));
  if (cas.every((ca) => typeof ca === "string" && ca !== "") && new Set(cas).size > 1)
    rows.push({
      cluster: namesOf(...clusters),
      field: "CA differs",
      inSource:
        "tls.ca.cert is another certificate in each: clusters refuse one another, unless a bundle trusts both",
      inLab: "one CA for all clusters",
      matters: "perhaps",
    });
  return rows;
}

/** Values that the chart of this version does not read, or refuses. */
function unreadValues(c: SourceCluster): Problem[] {
  const { cilium } = c;
  if (cilium === undefined) return [];
  const problem = (field: string, inSource: string, inLab: string, matters: Problem["matters"]): Problem => ({
    cluster: c.name,
    field,
    inSource,
    inLab,
    matters,
  });
  const rows: Problem[] = [];
  for (const { path, removed, instead, refused } of removedValues) {
    const value = at(c.values, path);
    if (value === undefined || value === "" || value === false || !isAtLeast(cilium, removed)) continue;
    const text = typeof value === "object" ? "set" : String(value);
    const means = meaningOf(path, c);
    rows.push(
      problem(
        `value ${path}`,
        `${text}: Cilium ${removed} removed it, so ${cilium} ${refused ? "ignores it (its chart refuses an upgrade with it)" : "ignores it"}${means}`,
        instead === "nothing" ? "left out" : `left out; it is now ${instead}`,
        "yes",
      ),
    );
  }
  const known = new Set(rows.map((r) => r.field.slice("value ".length)));
  for (const path of writtenPaths(c.values)) {
    if ([...known].some((k) => path === k || path.startsWith(`${k}.`) || k.startsWith(`${path}.`))) continue;
    const life = chartKeys[path];
    if (life?.since !== undefined && !isAtLeast(cilium, life.since))
      rows.push(
        problem(
          `value ${path}`,
          `Cilium ${life.since} brought it, so ${cilium} ignores it`,
          "left out",
          "yes",
        ),
      );
    if (life !== undefined || !isKnownMinor(cilium)) continue;
    const meant = Object.keys(chartKeys).find((k) => k.toLowerCase() === path.toLowerCase());
    const isOpen = !closedParts.some((part) => path.startsWith(`${part}.`));
    if (meant !== undefined)
      rows.push(problem(`value ${path}`, `the chart ignores it: its value is ${meant}`, "left out", "yes"));
    else if (!isOpen)
      rows.push(
        problem(
          `value ${path}`,
          `the chart of ${cilium} has no such value, and ignores it`,
          "left out",
          "perhaps",
        ),
      );
  }
  return rows;
}

/** What agents do in place of what a removed value says. */
function meaningOf(path: string, c: SourceCluster): string {
  const settings = meshSettings(c);
  if (path === "tunnel")
    return `; routing is ${settings["routing-mode"]}${settings["routing-mode"] === "tunnel" ? ` over ${settings["tunnel-protocol"]}` : ""}`;
  return path.includes("clusterPool")
    ? `; pods have addresses of ${c.podNetwork.cidrs.join(", ")} (${c.podNetwork.from})`
    : "";
}

const isKnownMinor = (cilium: string): boolean => isAtLeast(cilium, "1.18") && !isAtLeast(cilium, "1.21");

/** Keys at the top, and within the parts of which every key is known. */
function writtenPaths(values: Values): string[] {
  const below = (path: string): string[] => {
    const part = at(values, path);
    return typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.keys(part).map((key) => `${path}.${key}`)
      : [];
  };
  return [...Object.keys(values), ...closedParts.flatMap(below)];
}

/** Under native routing, packets to addresses outside `ipv4NativeRoutingCIDR` leave with their node's address. */
function masqueraded(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c): Problem[] => {
    const cidr = c.config["ipv4-native-routing-cidr"] ?? at(c.values, "ipv4NativeRoutingCIDR");
    const isNative =
      meshSettings(c)["routing-mode"] === "native" && at(c.values, "enableIPv4Masquerade") !== false;
    if (!isNative || typeof cidr !== "string" || !isCidr(cidr)) return [];
    const { first, last } = parseCidr(cidr);
    const outside = clusters
      .filter((o) => o !== c && o.podNetwork.from !== fromChart)
      .flatMap((o) => o.podNetwork.cidrs.filter((text) => !text.includes(":")).map((text) => ({ o, text })))
      .filter(({ text }) => parseCidr(text).first < first || parseCidr(text).last > last);
    return outside.map(({ o, text }) => ({
      cluster: c.name,
      field: "ipv4NativeRoutingCIDR",
      inSource: `${cidr} does not contain the pods of ${o.name}, ${text}: packets to them are masqueraded, so policies see nodes`,
      inLab: "as it is",
      matters: "yes",
    }));
  });
}

/** Clusters whose values list their peers, without one of those that are known. */
function unlistedPeers(clusters: readonly SourceCluster[]): Problem[] {
  return clusters.flatMap((c): Problem[] => {
    const written = at(c.values, "clustermesh.config.clusters");
    const listed = Array.isArray(written)
      ? written.map((p: { name?: unknown } | null) => p?.name)
      : Object.keys((written ?? {}) as Values);
    if (listed.length === 0) return [];
    const missing = clusters.filter((o) => o !== c && !listed.includes(o.name)).map((o) => o.name);
    if (missing.length === 0) return [];
    return [
      {
        cluster: c.name,
        field: "clustermesh.config.clusters",
        inSource: `lists ${listed.join(", ")}, and not ${missing.join(", ")}: ${c.name} does not connect to it (names must be those of cluster.name)`,
        inLab: "every other cluster",
        matters: "yes",
      },
    ];
  });
}

/** Values that leave a cluster out of the mesh. */
function useless(c: SourceCluster): Problem[] {
  const mesh = c.values.clustermesh;
  const noServer =
    mesh !== undefined &&
    at(c.values, "clustermesh.useAPIServer") === false &&
    at(c.values, "etcd.enabled") !== true;
  const hasServer = c.services.some((s) => s.metadata.name === "clustermesh-apiserver");
  return noServer && !hasServer
    ? [
        {
          cluster: c.name,
          field: "clustermesh.useAPIServer",
          inSource: "false: no other cluster can read this one",
          inLab: "true",
          matters: "yes",
        },
      ]
    : [];
}

function services(clusters: readonly SourceCluster[]): Problem[] {
  return serviceProblems(
    clusters.map((c) => ({
      name: c.name,
      ...(c.cilium === undefined ? {} : { version: c.cilium }),
      hasServices: c.services.length > 0,
      services: c.services.map((s) => ({
        namespace: s.metadata.namespace ?? "default",
        name: s.metadata.name,
        annotations: s.metadata.annotations ?? {},
        ports: (s.spec?.ports ?? []) as {
          name?: string;
          port: number;
          protocol?: string;
          targetPort?: number | string;
        }[],
      })),
    })),
  ).map(({ cluster, service, problem, breaks }) => ({
    cluster,
    field: `Service ${service}`,
    inSource: problem,
    inLab: "as it is",
    matters: breaks ? "yes" : "perhaps",
  }));
}
