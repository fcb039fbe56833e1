import { isAtLeast } from "#harness/lib/version.ts";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { tunnelPortOf, versionOf } from "./parts.ts";

/** What carries packets to the pods of a node, on the network between the nodes. */
export interface PodCarrier {
  /** `tunnelled packets (UDP 8472)`. */
  readonly what: string;
  /** What must pass between nodes: `UDP 8472`. */
  readonly need: string;
  /** Of one node: `the tunnel (UDP 8472)`. */
  readonly path: string;
  /** Whether packets keep the addresses of pods, so that the network needs routes to them. */
  readonly isRouted: boolean;
}

/** Of the agents' WireGuard interface (`ListenPort`, pkg/wireguard/types@1.20.2). */
export const wireguardPort = 51_871;
const esp = "ESP (IP protocol 50)";

/**
 * With encryption, tunnelled packets are encrypted whole, those of health checks too (`ctx_is_overlay` in
 * bpf/lib/wireguard.h and bpf/lib/ipsec.h@1.20.2); before 1.18, IPsec encrypted what is inside. With native routing, what
 * hosts send is not encrypted unless node encryption is on, so health checks are routed as they are.
 */
export function podCarrierOf(cluster: ClusterSnapshot): PodCarrier {
  const settings: Readonly<Record<string, string>> = cluster.config.ok ? cluster.config.value : {};
  const port = tunnelPortOf(cluster);
  const isWireguard = settings["enable-wireguard"] === "true";
  const isIpsec = !isWireguard && settings["enable-ipsec"] === "true";
  if (port === undefined) {
    const encrypted = isWireguard ? `UDP ${wireguardPort} (WireGuard)` : isIpsec ? esp : undefined;
    return {
      what: "routed packets to pods",
      need: `packets to pod CIDRs${encrypted === undefined ? "" : ` and ${encrypted}`}`,
      path: "the route to its pods",
      isRouted: true,
    };
  }
  if (isWireguard)
    return {
      what: `encrypted packets (WireGuard, UDP ${wireguardPort})`,
      need: `UDP ${wireguardPort}`,
      path: `the WireGuard tunnel (UDP ${wireguardPort}) to it`,
      isRouted: false,
    };
  if (isIpsec && isAtLeast(versionOf(cluster) ?? "1.18", "1.18"))
    return {
      what: `encrypted packets (IPsec, ${esp})`,
      need: esp,
      path: `IPsec (${esp}) to it`,
      isRouted: false,
    };
  return {
    what: `tunnelled packets (UDP ${port})`,
    need: `UDP ${port}`,
    path: `the tunnel (UDP ${port}) to it`,
    isRouted: false,
  };
}
