// To which pods of other clusters packets leave with their node's address.
import { contains, networkOf, parseCidr } from "#harness/lib/cidr.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { type ClusterSettings, routingMode } from "./mesh-settings.ts";

/** `defaultNonMasqCIDRs`, pkg/ipmasq/ipmasq.go@1.20.2. */
const usualKept: readonly string[] = [
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24"],
  ...["192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"],
];
const linkLocal = "169.254.0.0/16";

/** Go reads the keys of JSON in any case. */
const inAnyCase = (config: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.entries(config).find(([k]) => k.toLowerCase() === key.toLowerCase())?.[1];

/**
 * The IPv4 CIDRs to which Cilium's ip-masq-agent lets packets go with the address of their pod (`update` and `readConfig`,
 * pkg/ipmasq/ipmasq.go@1.20.2). `config`: its file as a mapping; undefined, or empty text, where there is none. One that
 * cannot be read adds nothing.
 */
export function keptByMasqAgent(config: unknown): readonly string[] {
  if (config === undefined || config === null || config === "") return [...usualKept, linkLocal];
  if (!isMapping(config)) return [];
  const listed = inAnyCase(config, "nonMasqueradeCIDRs") ?? [];
  if (!Array.isArray(listed)) return [];
  const cidrs = listed.map((cidr) => (typeof cidr === "string" ? networkOf(cidr) : undefined));
  if (cidrs.includes(undefined)) return [];
  return [
    ...cidrs.flatMap((cidr) => (cidr === undefined || cidr.includes(":") ? [] : [cidr])),
    ...(inAnyCase(config, "masqLinkLocal") === true ? [] : [linkLocal]),
  ];
}

/** Settings by which a node masquerades, or not. */
const masqueradeSettings: readonly string[] = [
  ...["ipv4-native-routing-cidr", "enable-ipv4-masquerade", "enable-ip-masq-agent", "routing-mode"],
  "egress-masquerade-interfaces",
];

/** What decides beside cilium-config. */
interface Beside {
  /** What ip-masq-agent leaves alone; where its list is not known, its own default is assumed. */
  readonly agentKeeps?: readonly string[] | undefined;
  /** Keys of cilium-config that a CiliumNodeConfig sets for some nodes. */
  readonly ofNodes?: readonly string[] | undefined;
}

interface Masqueraded {
  /** What is not masqueraded: `10.1.0.0/16`, or with ip-masq-agent its list too. */
  readonly range: string;
  /** Those of the pods that are. */
  readonly cidrs: readonly string[];
  /** Why it may be otherwise. */
  readonly unless?: string;
}

const agentKey = "enable-ip-masq-agent";

/**
 * Of the CIDRs of other clusters' pods, those to which packets leave with their node's address: under native routing all
 * outside of the native routing CIDR and of what ip-masq-agent leaves alone (`snat_v4_needs_masquerade`, bpf/lib/nat.h,
 * and templates/cilium-configmap.yaml@1.20.2).
 */
export function masqueraded(
  c: ClusterSettings,
  podCidrs: readonly string[],
  beside: Beside = {},
): Masqueraded | undefined {
  const native = c.settings["ipv4-native-routing-cidr"];
  const hasAgent = c.settings[agentKey] === "true";
  if (routingMode(c) !== "native" || c.settings["enable-ipv4-masquerade"] === "false") return undefined;
  const agent = hasAgent ? (beside.agentKeeps ?? keptByMasqAgent(undefined)) : [];
  // Without a range there is ip-masq-agent, or the IPAM of a cloud, whose ranges are not known.
  if (!native && !hasAgent) return undefined;
  const kept = [...(native ? [native] : []), ...agent].map(networkOf);
  // One that is no CIDR is a finding of its own.
  if (kept.includes(undefined)) return undefined;
  const ranges = kept.flatMap((cidr) => (cidr === undefined ? [] : [parseCidr(cidr)]));
  const cidrs = podCidrs.filter((cidr) => {
    const [address = "", bits] = cidr.split("/");
    return !cidr.includes(":") && !ranges.some((r) => contains(r, address) && Number(bits) >= r.bits);
  });
  if (cidrs.length === 0) return undefined;
  const unless = doubtOf(c, beside);
  return { range: shown(native, agent), cidrs, ...(unless === undefined ? {} : { unless }) };
}

function shown(native: string | undefined, agent: readonly string[]): string {
  const list = agent.filter((cidr) => cidr !== linkLocal);
  if (agent.length === 0) return native ?? "";
  const ofAgent = `what ip-masq-agent leaves alone (${list.join(", ") || "nothing but link-local addresses"})`;
  return native ? `${native} with ${ofAgent}` : ofAgent;
}

function doubtOf({ settings }: ClusterSettings, { agentKeeps, ofNodes = [] }: Beside): string | undefined {
  if (settings[agentKey] === "true" && agentKeeps === undefined)
    return "the list of ip-masq-agent, which is not in what was read, holds them";
  const interfaces = settings["egress-masquerade-interfaces"];
  if (interfaces)
    return `they leave by other interfaces than egressMasqueradeInterfaces names (${interfaces})`;
  const keys = ofNodes.filter((key) => masqueradeSettings.includes(key));
  return keys.length === 0
    ? undefined
    : `they come from nodes for which a CiliumNodeConfig sets ${keys.join(" and ")}`;
}
