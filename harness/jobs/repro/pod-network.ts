import { networkOf, usualRange } from "#harness/lib/cidr.ts";
import type { Note, PodNetwork, SourceObject } from "#harness/model/source-environment.ts";
import { type Networking, unusedValue } from "./part.ts";
import { agentSettings } from "./source-settings.ts";
import { at, flagOf, isPlaceholder, listed } from "./values-at.ts";

type Values = Readonly<Record<string, unknown>>;

interface Known {
  readonly values: Values;
  readonly config: Readonly<Record<string, string>>;
  readonly objects: readonly SourceObject[];
  readonly networking: Networking;
}

/** Cilium's chart, `ipam.operator.clusterPoolIPv4PodCIDRList` and its sibling (1.18.11 to 1.20.2). */
const chartPools = { ipv4: "10.0.0.0/8", ipv6: "fd00::/104" } as const;
const families = ["ipv4", "ipv6"] as const;
export const fromChart = "the chart's default";
/** Whether a range is no declared one, but drawn around what nodes or pods have. */
export const isDrawn = ({ from }: Pick<PodNetwork, "from">): boolean =>
  /^(CIDRs of (Cilium)?[Nn]odes|addresses of pods)$/.test(from);
/** Pods have addresses of a cloud's network, which no file of a cluster holds. */
export const cloudModes: readonly string[] = ["eni", "azure", "alibabacloud"];

/** The addresses that pods have: of the pools in force, not of ranges that Kubernetes assigns and Cilium ignores. */
export function podNetworkOf(known: Known): PodNetwork {
  const { values, config, objects } = known;
  const given = config.ipam ?? at(values, "ipam.mode");
  const hasPools = poolsOf(known, "ipv4").length > 0;
  const mode =
    typeof given === "string" && given !== ""
      ? given
      : hasPools || Object.keys(values).length > 0
        ? "cluster-pool"
        : undefined;
  const used = familiesOf(known);
  const isUsed = (c: string): boolean => used.includes(c.includes(":") ? "ipv6" : "ipv4");
  const found = (cidrs: readonly string[], from: string, more: Partial<PodNetwork> = {}): PodNetwork => ({
    pools: [],
    from,
    ...(mode === undefined ? {} : { mode }),
    ...more,
    cidrs: cidrs.filter(isUsed),
    all: (more.all ?? (from === fromChart ? [] : cidrs)).filter(isUsed),
    defaults: (more.defaults ?? (from === fromChart ? cidrs : [])).filter(isUsed),
  });
  if (mode !== undefined && cloudModes.includes(mode))
    return found([], `addresses of the cloud (ipam ${mode})`);
  const chained = agentSettings(known)["cni-chaining-mode"] ?? "none";
  if (chained === "aws-cni") return found([], "addresses of the cloud (chaining to the AWS CNI)");
  const pools = { ipv4: poolsOf(known, "ipv4"), ipv6: poolsOf(known, "ipv6") };
  if (mode?.startsWith("cluster-pool") === true && pools.ipv4.length + pools.ipv6.length > 0)
    return found(firstOfEach([...pools.ipv4, ...pools.ipv6]), "pools of cluster-pool", {
      pools: pools.ipv4,
      all: [...pools.ipv4, ...pools.ipv6],
      defaults: families.flatMap((f) => (writtenPools(known, f).length > 0 ? [] : [chartPools[f]])),
    });
  if (mode === "multi-pool") {
    const all = podIpPools(known);
    if (all.length > 0) return found(firstOfEach(all), "CiliumPodIPPools", { all });
  }
  if (mode === undefined || mode === "kubernetes") {
    const pods = objects.filter((o) => o.kind === "Pod");
    const flag = flagOf(pods, "kube-controller-manager", "--cluster-cidr");
    if (flag !== undefined) return found(networks(flag), "kube-controller-manager's --cluster-cidr");
    if (known.networking.podSubnet !== undefined)
      return found(networks(known.networking.podSubnet), "podSubnet");
    const ofNodes = usualRange(nodeCidrs(objects, "Node"));
    if (ofNodes.length > 0) return found(ofNodes, "CIDRs of nodes");
  }
  const ofCilium = usualRange(nodeCidrs(objects, "CiliumNode"));
  if (ofCilium.length > 0) return found(ofCilium, "CIDRs of CiliumNodes");
  const ofPods = usualRange(podIps(objects));
  if (ofPods.length > 0) return found(ofPods, "addresses of pods");
  // Another plugin gives the addresses.
  const isOwn = ["", "none", "portmap"].includes(chained);
  const wrong = wrongPools(known);
  if (wrong.length > 0) return found([], `the pool ${wrong.join(", ").slice(0, 80)} is no CIDR`);
  const filledIn = placeholderPool(known);
  if (filledIn !== undefined) return found([], `${filledIn.slice(0, 80)}: a placeholder`);
  if (isOwn && mode?.startsWith("cluster-pool") === true)
    return found([chartPools.ipv4, chartPools.ipv6], fromChart);
  return found([], "not known");
}

/** Of each family one range, which a lab has. */
const firstOfEach = (cidrs: readonly string[]): string[] =>
  [false, true].flatMap((isV6) => cidrs.find((c) => c.includes(":") === isV6) ?? []);

function familiesOf(known: Known): string[] {
  const settings = agentSettings(known);
  return families.filter((family) => settings[`enable-${family}`] === "true");
}

/** Pools that the operator gave, and that nothing assigns addresses of. */
export function unusedPools(known: Known): Note[] {
  const mode = known.config.ipam ?? at(known.values, "ipam.mode");
  if (mode !== "kubernetes") return [];
  return families.flatMap((family) => {
    const pools = writtenPools({ ...known, config: {} }, family).filter((p) => p !== chartPools[family]);
    return pools.length === 0
      ? []
      : unusedValue(
          `value ${pathOf(family)}`,
          `${pools.join(", ").slice(0, 120)}: not in force, because ipam.mode is kubernetes: pods have addresses of the cluster-cidr of Kubernetes`,
        );
  });
}

type Family = "ipv4" | "ipv6";
const pathOf = (family: Family): string =>
  `ipam.operator.clusterPool${family === "ipv4" ? "IPv4" : "IPv6"}PodCIDRList`;

/** As a list, or as one text, which `--set` makes of it. */
function writtenPools({ values, config }: Known, family: Family): string[] {
  const written = config[`cluster-pool-${family}-cidr`] ?? at(values, pathOf(family));
  const items = Array.isArray(written) ? written.map(String) : Object.values(asMapping(written)).map(String);
  return items.length > 0 ? items : typeof written === "string" ? [written] : [];
}

const poolsOf = (known: Known, family: Family): string[] => writtenPools(known, family).flatMap(networks);

/** What is written in place of a pool: Cilium's operator does not start with it. */
const wrongPools = (known: Known): string[] =>
  families.flatMap((family) =>
    writtenPools(known, family).filter((text) => !isPlaceholder(text) && networks(text).length === 0),
  );

/** A pool that a template or a shell fills in. */
const placeholderPool = (known: Known): string | undefined =>
  families.flatMap((family) => writtenPools(known, family)).find(isPlaceholder);

/** `--set list[0]=x` makes a mapping of digits here. */
const asMapping = (value: unknown): Values =>
  typeof value === "object" && value !== null ? (value as Values) : {};

function podIpPools({ values, objects }: Known): string[] {
  const own = objects
    .filter((o) => o.kind === "CiliumPodIPPool")
    .flatMap((o) => [...(o.spec?.ipv4?.cidrs ?? []), ...(o.spec?.ipv6?.cidrs ?? [])] as string[]);
  const made = Object.values(asMapping(at(values, "ipam.operator.autoCreateCiliumPodIPPools"))).flatMap(
    (pool) => [at(pool as Values, "ipv4.cidrs"), at(pool as Values, "ipv6.cidrs")].flat() as unknown[],
  );
  return [...new Set([...own, ...made.map(String)].flatMap((text) => networkOf(text) ?? []))];
}

/** The CIDRs of a list in one text. */
export const networks = (text: string | undefined): string[] =>
  listed(text).flatMap((item) => networkOf(item) ?? []);

const nodeCidrs = (objects: readonly SourceObject[], kind: "Node" | "CiliumNode"): string[] =>
  objects
    .filter((o) => o.kind === kind)
    .flatMap((o): unknown[] =>
      kind === "Node" ? (o.spec?.podCIDRs ?? [o.spec?.podCIDR]) : (o.spec?.ipam?.podCIDRs ?? []),
    )
    .flatMap((c) => (typeof c === "string" ? (networkOf(c) ?? []) : []));

const podIps = (objects: readonly SourceObject[]): string[] =>
  objects
    .filter((o) => o.kind === "Pod" && o.spec?.hostNetwork !== true && typeof o.status?.podIP === "string")
    .map((o) => `${o.status.podIP}/${String(o.status.podIP).includes(":") ? 128 : 32}`)
    .flatMap((c) => networkOf(c) ?? []);
