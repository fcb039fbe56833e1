// Values that no schema refuses, and with which nothing works: ports and CIDRs that are none, and peers' addresses.
import { networkOf } from "#harness/lib/cidr.ts";
import { valueAt } from "#harness/lib/value-at.ts";
import type { Refusal, Values } from "./chart-rules.ts";
import { isReplaced, leavesNamed } from "./chart-values.ts";
import { largestPort, peerRules } from "./peer-values.ts";

/** 0 leaves the choice to a program, or turns a port off. Text that is no number is a matter of the schema. */
const isNoPort = (value: unknown): boolean =>
  ["number", "string"].includes(typeof value) &&
  /^-?\d+(\.\d+)?$/.test(String(value)) &&
  !(Number.isInteger(Number(value)) && Number(value) >= 0 && Number(value) <= largestPort);

/** Whether a part of the values around a path is turned off, so that nothing reads it. */
const isOffAround = (values: Values, path: string): boolean =>
  path.split(".").some((_, i, keys) => valueAt(values, [...keys.slice(0, i), "enabled"].join(".")) === false);

const aPort = `a port is a number from 0 to ${largestPort}`;

const ofPort = (path: string): Refusal => ({
  path,
  charts: "*",
  refuses: (value, values) => isNoPort(value) && !isOffAround(values, path),
  wants: aPort,
  remedy: `set ${path} to a port, the same as the other side uses`,
  ...(path === "tunnelPort"
    ? { by: "agents", source: "flags.Uint16, pkg/datapath/tunnel/tunnel.go:309 of 1.20.2" }
    : { by: "nothing", source: "ports of TCP and UDP have 16 bits" }),
});

type Family = "4" | "6";

/** The items of a list of CIDRs, or of a text that spaces, commas or braces divide; without what is filled in later. */
const itemsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value])
    .filter((item): item is string => typeof item === "string" && !isReplaced(item))
    .flatMap((text) => text.split(/[\s,{}]+/))
    .filter((text) => text !== "");

/** Neither a CIDR nor one of the family; host bits are taken. */
const isNoCidr =
  (family: Family) =>
  (text: string): boolean =>
    text.includes(":") !== (family === "6") || networkOf(text) === undefined;

const ofCidr = (
  path: string,
  family: Family,
  rule: Required<Pick<Refusal, "by" | "source">> & { readonly isRead?: (values: Values) => boolean },
): Refusal => ({
  path,
  charts: "*",
  refuses: (value, values) => itemsOf(value).some(isNoCidr(family)) && (rule.isRead?.(values) ?? true),
  shown: (value) => itemsOf(value).filter(isNoCidr(family)).join(", "),
  wants: `it must be an IPv${family} CIDR, such as ${family === "4" ? "10.1.0.0/16" : "fd00:1::/104"}`,
  remedy: `correct ${path}`,
  by: rule.by,
  source: rule.source,
});

const hasPools =
  (family: Family) =>
  (values: Values): boolean =>
    ["", "cluster-pool"].includes(String(valueAt(values, "ipam.mode") ?? "")) &&
    valueAt(values, "eni.enabled") !== true &&
    (family === "4" ? valueAt(values, "ipv4.enabled") !== false : valueAt(values, "ipv6.enabled") === true);

const strict = "encryption.strictMode";
const isOn =
  (path: string) =>
  (values: Values): boolean =>
    valueAt(values, path) === true;

export const impossible: readonly Refusal[] = [
  ...leavesNamed(/(^p|P)ort$/).map(ofPort),
  ...peerRules,
  ...(["4", "6"] as const).flatMap((family) => [
    ofCidr(`ipam.operator.clusterPoolIPv${family}PodCIDRList`, family, {
      by: "operator",
      source: "NewCIDRSets, operator/pkg/ipam/allocator/clusterpool/cidralloc/cidralloc.go:43 of 1.20.2",
      isRead: hasPools(family),
    }),
    ofCidr(`ipv${family}NativeRoutingCIDR`, family, {
      by: "agents",
      source: `pkg/option/config.go:${family === "4" ? 2631 : 2644} of 1.20.2`,
    }),
  ]),
  ...[
    [`${strict}.cidr`, `${strict}.enabled`] as const,
    [`${strict}.egress.cidr`, `${strict}.egress.enabled`] as const,
  ].map(([path, enabled]) =>
    ofCidr(path, "4", { by: "agents", source: "pkg/option/config.go:2613 of 1.20.2", isRead: isOn(enabled) }),
  ),
];
