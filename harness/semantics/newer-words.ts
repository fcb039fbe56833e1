// Values with words, or with a meaning, that only newer releases have: on the way back nothing starts with them.
import { valueAt } from "#harness/lib/value-at.ts";
import type { Refusal, Values } from "./chart-rules.ts";
import { isNativeCidrOfPools } from "./cluster-pool.ts";

/** The items of a list, or of a text that spaces or commas divide. */
const itemsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value])
    .filter((item): item is string => typeof item === "string")
    .flatMap((text) => text.split(/[\s,]+/))
    .filter((item) => item !== "");

interface Words extends Pick<Refusal, "charts" | "source"> {
  readonly words: readonly string[];
}

const words = (path: string, { charts, words: known, source }: Words): Refusal => ({
  path,
  charts,
  refuses: (value) => itemsOf(value).some((item) => !known.includes(item)),
  shown: (value) =>
    itemsOf(value)
      .filter((item) => !known.includes(item))
      .map((item) => JSON.stringify(item.slice(0, 40)))
      .join(", "),
  wants: known.length === 1 ? `it must be ${known[0]}` : `it must be one of ${known.join(", ")}`,
  remedy: `set ${path} to ${known.length === 1 ? `${known[0]}, or leave it out` : "one of them"}`,
  source,
  by: "agents",
});

const isOff = (values: Values, family: "4" | "6"): boolean =>
  family === "4" ? valueAt(values, "ipv4.enabled") === false : valueAt(values, "ipv6.enabled") !== true;

const underlay = "underlayProtocol";
const pools = (family: "4" | "6"): string => `ipam.operator.clusterPoolIPv${family}PodCIDRList`;

/** The chart's own list has one CIDR. */
function poolCount(values: Values, family: "4" | "6"): number {
  const listed = valueAt(values, pools(family)) ?? [""];
  return Array.isArray(listed) ? listed.length : String(listed).split(" ").length;
}

export const newerWords: readonly Refusal[] = [
  words("bpf.datapathMode", {
    charts: ">=1.18.0 <1.20.0",
    words: ["veth", "netkit", "netkit-l2"],
    source: "daemon/cmd/daemon_main.go:1090 of 1.19.7; 1.20 brought auto",
  }),
  words("policyCIDRMatchMode", {
    charts: ">=1.18.0 <1.20.0",
    words: ["nodes"],
    source: "pkg/option/config.go:2093 of 1.19.7; 1.20 brought pods",
  }),
  words("policyCIDRMatchMode", {
    charts: ">=1.20.0",
    words: ["nodes", "pods"],
    source: "pkg/option/config.go:2145 of 1.20.2",
  }),
  words(underlay, {
    charts: ">=1.20.0",
    words: ["ipv4", "ipv6", "auto"],
    source: "pkg/datapath/tunnel/tunnel.go:124 of 1.20.2",
  }),
  ...(["4", "6"] as const).map(
    (family): Refusal => ({
      path: underlay,
      charts: ">=1.20.0",
      refuses: (value, values) => value === `ipv${family}` && isOff(values, family),
      wants: `IPv${family} is off, which 1.19 did not check`,
      remedy: `leave ${underlay} out, or set ipv${family}.enabled: true`,
      source: `pkg/datapath/tunnel/tunnel.go:${family === "4" ? 117 : 121} of 1.20.2`,
      by: "agents",
    }),
  ),
  words(underlay, {
    charts: ">=1.19.0 <1.20.0",
    words: ["ipv4", "ipv6"],
    source: "pkg/datapath/tunnel/tunnel.go:90 of 1.19.7; 1.20 brought auto",
  }),
  ...(["4", "6"] as const).map(
    (family): Refusal => ({
      path: "nativeRoutingCIDRFromClusterPool",
      charts: ">=1.20.0",
      refuses: (value, values) =>
        value === true &&
        isNativeCidrOfPools(values) &&
        !isOff(values, family) &&
        (valueAt(values, `ipv${family}NativeRoutingCIDR`) ?? "") === "" &&
        poolCount(values, family) !== 1,
      wants: `it needs exactly one CIDR in ${pools(family)}`,
      remedy: `set ipv${family}NativeRoutingCIDR to a CIDR that contains the pods of all clusters`,
      source: `templates/cilium-configmap.yaml:${family === "4" ? 1212 : 1224} of 1.20.2`,
    }),
  ),
];
