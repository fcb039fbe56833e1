import { type Cidr, contains, networkOf, overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { isMapping, mappingsIn, textsIn } from "#harness/lib/value-at.ts";
import type { Difference, SourceCluster } from "#harness/model/source-environment.ts";
import { bgpAdverts } from "#harness/semantics/announcements.ts";
import { peersOf } from "./listed-peers.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;

/** How a cluster announces addresses of load balancers, and whether the files hold an object that lets it. */
interface Way {
  readonly by: "L2" | "BGP";
  readonly isSure: boolean;
}

function waysOf({ values, config, others }: SourceCluster): Way[] {
  const isOn = (path: string, key: string): boolean => at(values, path) === true || config[key] === "true";
  const ways: Way[] = [];
  if (isOn("l2announcements.enabled", "enable-l2-announcements"))
    ways.push({
      by: "L2",
      isSure: others.some((o) => o.kind === "CiliumL2AnnouncementPolicy" && o.spec?.loadBalancerIPs === true),
    });
  if (isOn("bgpControlPlane.enabled", "enable-bgp-control-plane"))
    ways.push({
      by: "BGP",
      isSure: others.some(
        ({ kind = "", metadata, spec }) =>
          ["CiliumBGPAdvertisement", "CiliumBGPPeeringPolicy"].includes(kind) &&
          bgpAdverts({ kind, name: metadata.name, spec }).some((a) => a.loadBalancerIps),
      ),
    });
  return ways;
}

const addressOf = (value: unknown): Cidr | undefined => {
  if (typeof value !== "string") return undefined;
  const network = networkOf(`${value}/${value.includes(":") ? 128 : 32}`);
  return network === undefined ? undefined : parseCidr(network);
};

/** A block of a pool: a CIDR, or a range of which `stop` may be left out. Undefined for one that is filled in later. */
function rangeOf({ cidr, start, stop = start }: Readonly<Record<string, unknown>>): Cidr | undefined {
  if (typeof cidr === "string") {
    const network = networkOf(cidr);
    return network === undefined ? undefined : parseCidr(network);
  }
  const [first, last] = [addressOf(start), addressOf(stop)];
  if (first === undefined || last === undefined || first.kind !== last.kind) return undefined;
  return { ...first, last: last.last, text: `${String(start)}-${String(stop)}` };
}

interface Range extends Cidr {
  readonly pool: string;
}

const rangesOf = ({ others }: SourceCluster): Range[] =>
  others
    .filter(({ kind, spec }) => kind === "CiliumLoadBalancerIPPool" && spec?.disabled !== true)
    .flatMap(({ metadata, spec }) =>
      // `cidrs` before 1.15.
      [...mappingsIn(spec?.blocks), ...mappingsIn(spec?.cidrs)].flatMap((block) => {
        const range = rangeOf(block);
        return range === undefined ? [] : [{ ...range, pool: metadata.name }];
      }),
    );

/** Where a cluster contacts another at an address that both may give out. */
function contactsIn(c: SourceCluster, other: SourceCluster, [x, y]: readonly [Range, Range]): string[] {
  const peer = peersOf(c).get(other.name);
  return textsIn(isMapping(peer) ? peer.ips : undefined)
    .filter((ip) => contains(x, ip) && contains(y, ip))
    .map((ip) => `${c.name} contacts ${other.name} at ${ip}, which its own services may have`);
}

const pairsOf = <T>(items: readonly T[]): [T, T][] =>
  items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));

/**
 * Addresses of load balancers that two clusters give out and announce. LB IPAM looks for conflicts of the pools of one
 * cluster only (Documentation/network/lb-ipam.rst@1.20.2). By BGP that can be meant, as anycast.
 */
export function sharedPools(clusters: readonly SourceCluster[]): Problem[] {
  return pairsOf(clusters).flatMap(([a, b]): Problem[] => {
    const [ofA, ofB] = [waysOf(a), waysOf(b)];
    if (ofA.length === 0 || ofB.length === 0) return [];
    const isByL2 = [ofA, ofB].every((ways) => ways.some((w) => w.by === "L2" && w.isSure));
    const shown = (c: SourceCluster, { pool, text }: Range, ways: readonly Way[]): string =>
      `${c.name} ${text} (CiliumLoadBalancerIPPool ${pool}, ${ways.map((w) => w.by).join(" and ")})`;
    return rangesOf(a).flatMap((x) =>
      rangesOf(b)
        .filter((y) => overlaps(x, y))
        .map((y): Problem => {
          const contacts = [...contactsIn(a, b, [x, y]), ...contactsIn(b, a, [x, y])];
          return {
            cluster: `${a.name}, ${b.name}`,
            field: "load balancer addresses",
            inSource: `they overlap: ${shown(a, x, ofA)}, ${shown(b, y, ofB)}: both give out and announce the same addresses${contacts.map((text) => `; ${text}`).join("")}`,
            inLab: "the lab's own addresses",
            matters: isByL2 ? "yes" : "perhaps",
          };
        }),
    );
  });
}
