import type { Agent } from "#harness/cilium/agent/agent.ts";
import { nodeTruth } from "#harness/cilium/truth.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import type { SizedPath } from "#harness/judge/sizes.ts";
import { kinds } from "#harness/kube/kube.ts";
import type { AskTarget } from "#harness/model/probe-wire.ts";
import { healthPort } from "#harness/semantics/mesh-settings.ts";
import type { Vantage } from "#harness/workloads/vantage.ts";
import { askPaths } from "./ask-paths.ts";

/** The requests of one size, and their answers' body. */
interface SizedAsk {
  readonly size: string | undefined;
  readonly ask: Pick<AskTarget, "protocol" | "port" | "path" | "fill">;
}

/** Headers of IPv4, and of TCP with its timestamps or of UDP. */
const tcpHeaders = 52;
const udpHeaders = 28;
/** agnhost reads no longer datagram. */
const mostUdp = 2000;
const large = 64 * 1024;
/** A lost packet is sent again once or twice before a request of this number fails. */
const asks = 2;

/** The smallest of the agents' MTUs: no packet between their nodes is larger. */
export async function smallestMtu(agents: readonly Agent[]): Promise<number> {
  return Math.min(...(await Promise.all(agents.map((a) => a.routeMtu()))));
}

interface Server {
  readonly port: number;
  /** To be filled up. */
  readonly path: string;
  readonly echoed: boolean;
}

/** One full TCP segment, which no offload splits or joins, and 64 KiB. */
export function tcpSizes(mtu: number, { port, path, echoed }: Server): SizedAsk[] {
  return [mtu - tcpHeaders, large].map((bytes) => ({
    size: `${bytes.toLocaleString("en")} bytes over TCP`,
    ask: { protocol: "http", port, path, fill: { bytes, echoed } },
  }));
}

/** One full packet. */
export function udpSizes(mtu: number, { port, path, echoed }: Server): SizedAsk[] {
  const bytes = Math.min(mtu - udpHeaders, mostUdp);
  return [
    {
      size: `${bytes.toLocaleString("en")} bytes over UDP`,
      ask: { protocol: "udp", port, path, fill: { bytes, echoed } },
    },
  ];
}

/** Where requests go. */
interface SizedTarget {
  readonly name: string;
  readonly host: string;
  /** The body of the answer to a small request. */
  readonly smallBody: string;
  /** Where it listens, if not at the port of the sizes. */
  readonly port?: number;
}

/** Sends requests of all sizes from every vantage point to every target. */
export async function askSizes(
  from: { readonly cluster: Cluster; readonly vantages: readonly Vantage[] },
  targets: readonly SizedTarget[],
  sizes: readonly SizedAsk[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<SizedPath[]> {
  const all = targets.flatMap((target) => sizes.map((sized) => ({ target, sized })));
  const paths = await askPaths(
    from.cluster,
    from.vantages,
    all.map(({ target: { name, host, smallBody, port }, sized }) => ({
      name,
      pod: sized.size === undefined ? smallBody : "filled",
      ask: { ...sized.ask, ...(port === undefined ? {} : { port }), host, count: asks },
    })),
    options,
  );
  // In the order of the targets, once for each vantage point.
  return paths.map((path, i) => ({ ...path, size: all[i % all.length]?.sized.size }));
}

/** Where agents answer each other's probes by default; targets that have another say so. */
const usualPort = healthPort({ settings: {} });

/** Small requests to an agent's responder, which ignores what a query holds, and large ones. */
export const healthSizes = (mtu: number): SizedAsk[] => [
  { size: undefined, ask: { protocol: "http", port: usualPort, path: "/hello" } },
  ...tcpSizes(mtu, { port: usualPort, path: "/hello?x=", echoed: false }),
];

/**
 * Of every node its own address and that of its health endpoint, which is reached like a pod's; both at the port of the
 * cluster's cilium-config.
 */
export async function healthAddresses(cluster: Cluster): Promise<SizedTarget[]> {
  const ciliumNodes = await cluster.kube.list(kinds.ciliumNode);
  const key = "cluster-health-port";
  const at = { smallBody: "", port: healthPort({ settings: { [key]: await cluster.setting(key) } }) };
  const nodes = await nodeTruth(cluster);
  return nodes.flatMap(({ name, address }) => {
    const own = ciliumNodes.find((n) => name === `${cluster.name}/${n.metadata.name}`);
    const endpoint = (own?.spec?.health as { ipv4?: string } | undefined)?.ipv4;
    return [
      { name: `${name} (${address})`, host: address, ...at },
      ...(endpoint === undefined
        ? []
        : [{ name: `the health endpoint of ${name} (${endpoint})`, host: endpoint, ...at }]),
    ];
  });
}
