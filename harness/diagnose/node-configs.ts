import { found } from "#harness/lib/found.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, NodeConfig } from "#harness/model/mesh-snapshot.ts";
import type { ClusterSettings } from "#harness/semantics/mesh-settings.ts";
import { findingOf } from "./catalogue/index.ts";
import { type NodeSettings, nodeSettings, withConfigs } from "./node-settings.ts";
import { kubectl } from "./parts.ts";
import { restartAgent } from "./repairs.ts";

const nodesShown = 3;

/** A setting that must have one value on some nodes. */
interface ComparedSetting {
  readonly key: string;
  readonly valueOf: (settings: ClusterSettings) => string | undefined;
  readonly effect: string;
}

/** A node with a value that a CiliumNodeConfig gives it. */
export interface Override {
  readonly of: NodeSettings;
  readonly value: string;
  readonly config: NodeConfig;
  /** Those of its settings that make the difference. */
  readonly keys: readonly string[];
  /** Whether the agent was seen to run with another value: it has not started since. */
  readonly isPending: boolean;
}

/** The CiliumNodeConfig that makes a setting of a node another one than that of cilium-config; undefined if none does. */
export function overrideOf({ valueOf: read }: ComparedSetting, of: NodeSettings): Override | undefined {
  const { stored, expected, running, configs } = of;
  const [before, next] = [read(stored), read(expected)];
  const now = running === undefined ? next : read(running);
  const isPending = now === before && next !== before;
  const value = isPending ? next : now;
  if (value === undefined || value === before) return undefined;
  for (const config of configs.toReversed()) {
    const { defaults } = config;
    const withOnly = (keys: readonly string[]): string | undefined =>
      read(withConfigs(stored, [{ ...config, defaults: pick(defaults, keys) }]));
    const all = Object.keys(defaults);
    if (withOnly(all) !== value) continue;
    const keys = all.filter((key) => withOnly(all.filter((k) => k !== key)) !== value);
    if (keys.length > 0) return { of, value, config, keys, isPending };
  }
  return undefined;
}

/** Of all nodes of a cluster. */
export const overridesIn = (cluster: ClusterSnapshot, setting: ComparedSetting): Override[] =>
  nodeSettings(cluster).flatMap((of) => overrideOf(setting, of) ?? []);

const pick = (texts: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).filter(([key]) => keys.includes(key)));

/** One finding for each CiliumNodeConfig. `had`: who has which value, of all that are compared. */
export const overrideFindings = (
  setting: ComparedSetting,
  overrides: readonly Override[],
  had: string,
): Finding[] =>
  [...Map.groupBy(overrides, (o) => o.config).values()].map((own) => ofNodeConfig(setting, own, had));

function ofNodeConfig(
  { key, effect }: ComparedSetting,
  overrides: readonly Override[],
  had: string,
): Finding {
  const { of, config, keys } = found(overrides[0], "node that a CiliumNodeConfig selects");
  const { cluster } = of;
  const nodes = overrides.map((o) => o.of.node);
  const { namespace, name, defaults } = config;
  const object = `ciliumnodeconfig/${name}`;
  const removal =
    Object.keys(defaults).length === keys.length
      ? kubectl(namespace, "delete", object)
      : kubectl(
          ...([namespace, "patch", object, "--type", "json", "-p"] as const),
          JSON.stringify(
            keys.map((k) => ({
              op: "remove",
              path: `/spec/defaults/${k.replaceAll("~", "~0").replaceAll("/", "~1")}`,
            })),
          ),
        );
  const isPending = overrides.every((o) => o.isPending);
  const when = isPending ? ", whose agents have not started since" : "";
  const started = overrides.filter((o) => !o.isPending).map((o) => restartAgent(cluster, o.of.node));
  return findingOf("node-config-differs", {
    ...(isPending ? { severity: "suspect" as const } : {}),
    cluster: cluster.name,
    subject: `CiliumNodeConfig ${namespace}/${name} of ${cluster.name}`,
    message: `CiliumNodeConfig ${namespace}/${name} of ${cluster.name} sets ${keys.map((k) => `${k} ${defaults[k]}`).join(", ")} for node ${shortList(nodes, nodesShown)}${when}, which does not fit the others: ${key} is ${had}; ${effect}`,
    next: [removal, ...started].join("; "),
  });
}

/** Settings that all nodes of a cluster must share, and that other clusters must not have. */
const ownSettings: readonly ComparedSetting[] = [
  {
    key: "cluster-name",
    valueOf: ({ settings }) => settings["cluster-name"],
    effect: "a node with another cluster name announces itself, and its pods, as those of another cluster",
  },
  {
    key: "cluster-id",
    valueOf: ({ settings }) => settings["cluster-id"],
    effect: "identities that this node allocates belong to another cluster",
  },
];

/** CiliumNodeConfigs that give nodes another name or id of the cluster than its own. */
export const foreignNames = (mesh: MeshSnapshot): Finding[] =>
  mesh.clusters.flatMap((cluster) =>
    ownSettings.flatMap((setting) => {
      const overrides = overridesIn(cluster, setting);
      const own = overrides[0] === undefined ? undefined : setting.valueOf(overrides[0].of.stored);
      const values = [...new Set(overrides.map((o) => o.value))].join(", ");
      return overrideFindings(setting, overrides, `${values} there and ${own ?? "unset"} in cilium-config`);
    }),
  );
