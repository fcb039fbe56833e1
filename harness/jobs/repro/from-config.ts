import { mergeValues } from "#harness/config/plan.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { nested } from "./commands/set-values.ts";
import { isSetByOperator } from "./config-defaults.ts";
import type { Say } from "./say.ts";
import { chartPaths } from "./source-settings.ts";
import { listed, typed } from "./values-at.ts";

type Values = Record<string, unknown>;

/** Settings of the agents that a lab gets as values of the chart. */
const keptSettings = [
  "routing-mode",
  "tunnel-protocol",
  "tunnel-port",
  "ipam",
  "enable-ipv4",
  "enable-ipv6",
  "enable-policy",
  "max-connected-clusters",
  "policy-default-local-cluster",
  "clustermesh-cache-ttl",
  "clustermesh-enable-endpoint-sync",
  "clustermesh-enable-mcs-api",
  "auto-direct-node-routes",
  "ipv4-native-routing-cidr",
] as const;

/** The same, where they are not what the chart writes. */
const keptIfSet = [
  "mtu",
  "labels",
  "kube-proxy-replacement",
  "enable-ipv4-masquerade",
  "enable-cilium-endpoint-slice",
  "enable-endpoint-routes",
  "bpf-policy-map-max",
  "cni-chaining-mode",
] as const;

const handled = new Set<string>([
  ...keptSettings,
  ...keptIfSet,
  ...["policy-cidr-match-mode", "clustermesh-default-global-namespace", "tunnel"],
  // Lines of their own.
  ...["enable-ip-masq-agent", "k8s-service-proxy-name"],
]);

/** Chart values derived from the agents' ConfigMap, if there are no Helm values. */
export function fromConfig(config: Readonly<Record<string, string>>): Values {
  const text = (key: string, path: string): Values => {
    const value = config[key];
    return value === undefined || value === "" ? {} : nested(path.split("."), typed(value, path));
  };
  const pools = listed(config["cluster-pool-ipv4-cidr"]);
  const matched = listed(config["policy-cidr-match-mode"]);
  return [
    pools.length === 0 ? {} : { ipam: { operator: { clusterPoolIPv4PodCIDRList: pools } } },
    ...keptSettings.map((key) => text(key, chartPaths[key])),
    ...keptIfSet
      .filter((key) => isSetByOperator(key, config[key] ?? ""))
      .map((key) => text(key, chartPaths[key])),
    matched.length === 0 ? {} : { policyCIDRMatchMode: matched },
    config["enable-wireguard"] === "true" || config["enable-ipsec"] === "true"
      ? { encryption: { enabled: true } }
      : {},
  ].reduce(mergeValues, {});
}

/** Settings of the agents that a person set and that no value of the lab takes up. */
export function tellConfig({ config, values }: SourceCluster, say: Say): void {
  const set = Object.entries(config).filter(
    ([key, value]) => !handled.has(key) && isSetByOperator(key, value),
  );
  const kept = Object.entries(config).filter(
    ([key, value]) => [...keptIfSet, "policy-cidr-match-mode"].includes(key) && isSetByOperator(key, value),
  );
  for (const [key, value] of kept) if (!saidAsValue.has(key)) say(`setting ${key}`, value, value);
  const hasValues = Object.keys(values).some((key) => key !== "cluster");
  // With Helm values most of them follow from values that have lines of their own.
  if (hasValues || set.length > mostLines) {
    if (set.length > 0)
      say(
        "settings of cilium-config that are not the chart's defaults",
        set.map(([key, value]) => `${key}: ${short(value)}`).join(", "),
        "left out",
      );
  } else for (const [key, value] of set) say(`setting ${key}`, short(value), "left out: the chart's default");
}

const saidAsValue: ReadonlySet<string> = new Set([
  ...["labels", "enable-cilium-endpoint-slice", "kube-proxy-replacement", "cni-chaining-mode"],
]);
const mostLines = 8;
const short = (value: string): string =>
  value === "" ? "empty" : value.length > 80 ? `${value.slice(0, 80)}...` : value;
