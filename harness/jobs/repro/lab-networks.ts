import { type Cidr, overlaps, parseCidr } from "#harness/lib/cidr.ts";
import { found } from "#harness/lib/found.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { fromChart } from "./pod-network.ts";
import { agentSettings } from "./source-settings.ts";

/** The CIDRs of a lab's cluster, IPv4 first. */
export interface LabNetwork {
  readonly pods: readonly string[];
  readonly services: readonly string[];
}

/** Sizes that kubeadm accepts: a CIDR for each node, of /24 or /64, must fit at most 16 bits. */
const fits: Readonly<Record<"pods" | "services", Readonly<Record<Cidr["kind"], readonly [number, number]>>>> =
  {
    pods: { ipv4: [8, 22], ipv6: [48, 62] },
    services: { ipv4: [12, 24], ipv6: [108, 120] },
  };

/** Whether a cluster's pods have addresses of both families. */
export const isDualStack = (c: SourceCluster): boolean =>
  agentSettings(c)["enable-ipv6"] === "true" &&
  (c.podNetwork.cidrs.length === 0 || c.podNetwork.cidrs.some((cidr) => !cidr.includes(":")));

/**
 * The CIDRs of every cluster: those of the source where `up` and kubeadm accept them, else free ones. Pods of a mesh
 * need disjoint CIDRs; services of two clusters may have the same.
 */
export function labNetworks(clusters: readonly SourceCluster[]): LabNetwork[] {
  const pods: Cidr[] = [];
  const services: { readonly cidr: Cidr; readonly of: SourceCluster }[] = [];
  const keepsPods = (text: string): boolean => usable(text, "pods", pods) !== undefined;
  // What the source has goes first, so that no free CIDR takes its place.
  const kept = clusters.map((c) => {
    const own = c.podNetwork.from === fromChart ? [] : c.podNetwork.cidrs.filter(keepsPods);
    pods.push(...own.map(parseCidr));
    return own;
  });
  const keptServices = clusters.map((c) => {
    const own = c.serviceCidrs.filter((text) => usable(text, "services", pods) !== undefined);
    services.push(...own.map((text) => ({ cidr: parseCidr(text), of: c })));
    return own;
  });
  return clusters.map((c, i) => {
    const families = isDualStack(c) ? (["ipv4", "ipv6"] as const) : (["ipv4"] as const);
    const of = (texts: readonly string[], kind: Cidr["kind"]): string | undefined =>
      texts.find((t) => parseCidr(t).kind === kind);
    return {
      pods: families.map((kind) => {
        const own = of(kept[i] ?? [], kind);
        if (own !== undefined) return own;
        const free = freeCidr(kind, i, { from: 10, taken: [...pods, ...services.map((s) => s.cidr)] });
        pods.push(parseCidr(free));
        return free;
      }),
      services: families.map((kind) => {
        const own = of(keptServices[i] ?? [], kind);
        if (own !== undefined) return own;
        const free = freeCidr(kind, i, { from: 110, taken: [...pods, ...services.map((s) => s.cidr)] });
        services.push({ cidr: parseCidr(free), of: c });
        return free;
      }),
    };
  });
}

function usable(text: string, what: "pods" | "services", taken: readonly Cidr[]): Cidr | undefined {
  const cidr = parseCidr(text);
  const [least, most] = fits[what][cidr.kind];
  return cidr.bits >= least && cidr.bits <= most && !taken.some((t) => overlaps(t, cidr)) ? cidr : undefined;
}

function freeCidr(
  kind: Cidr["kind"],
  i: number,
  { from, taken }: { readonly from: number; readonly taken: readonly Cidr[] },
): string {
  // Where the source has all of 10.0.0.0/8, the lab's own are elsewhere.
  const bases = kind === "ipv4" ? ["10", "100"] : ["fd00:10"];
  const numbers = Array.from({ length: 140 }, (_, n) => from + ((i + n) % 140));
  const candidates = bases.flatMap((base) =>
    numbers
      .filter((n) => base !== "100" || (n >= 64 && n < 128))
      .map((n) => (kind === "ipv4" ? `${base}.${n}.0.0/16` : `${base}:${n}::/${from === 10 ? 56 : 112}`)),
  );
  return found(
    candidates.find((text) => !taken.some((t) => overlaps(t, parseCidr(text)))),
    `free ${kind} CIDR for the lab`,
  );
}
