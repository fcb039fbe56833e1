import { found } from "#harness/lib/found.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot, NodeConfig } from "#harness/model/mesh-snapshot.ts";
import {
  type ClusterSettings,
  type SettingDifference,
  settingDifferences,
  tunnelPort,
} from "#harness/semantics/mesh-settings.ts";
import { labelsMatch } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { known, kubectl } from "./parts.ts";
import { agents, inCluster, restart, restartAgent } from "./repairs.ts";
import { settingsOf } from "./settings.ts";

const nodesShown = 3;

/** Who has which settings: an agent, or the ConfigMap of its cluster. */
interface Holder {
  readonly cluster: ClusterSnapshot;
  readonly node?: string;
  readonly settings: ClusterSettings;
}

/** A holder's value of one setting. */
interface Held {
  readonly holder: Holder;
  readonly value: string;
}

/**
 * Agents read cilium-config when they start. Where it was changed later, the ConfigMaps can be equal while the agents are
 * not. Settings that are allowed to differ may be set for single nodes, so only those that Cilium requires are compared.
 */
export function runningSettings(mesh: MeshSnapshot): Finding[] {
  const holders = mesh.clusters.flatMap(holdersOf).map((holder, i) => ({
    ...holder,
    settings: { ...holder.settings, name: String(i) },
  }));
  return settingDifferences(holders.map((h) => h.settings))
    .filter(({ setting }) => setting.severity === "broken")
    .flatMap((difference) => ofSetting(difference, holders));
}

function holdersOf(cluster: ClusterSnapshot): Holder[] {
  const settings = settingsOf(cluster);
  if (settings === undefined) return [];
  const agents = cluster.agents.flatMap((agent): Holder[] => {
    const own = settingsOfAgent(agent, settings);
    return own === undefined ? [] : [{ cluster, node: agent.node, settings: own }];
  });
  return agents.length === 0 ? [] : [{ cluster, settings }, ...agents];
}

/** An archive has no copy of what an agent started with, but the device of its tunnel. */
function settingsOfAgent(agent: AgentState, stored: ClusterSettings): ClusterSettings | undefined {
  const started = agent.startedWith?.ok === true ? agent.startedWith.value : {};
  if (Object.keys(started).length > 0) return { ...stored, settings: started };
  const [device, ...others] = known(agent.tunnels);
  if (device === undefined || others.length > 0 || tunnelPort(stored) === undefined) return undefined;
  const as = (port: number): ClusterSettings => ({
    ...stored,
    settings: { ...stored.settings, "tunnel-protocol": device.protocol, "tunnel-port": String(port) },
  });
  // 0 is the protocol's own port.
  if (device.port === undefined) return as(Number(stored.settings["tunnel-port"] ?? 0));
  return as(device.port === tunnelPort(as(0)) ? 0 : device.port);
}

function ofSetting({ setting, values }: SettingDifference, holders: readonly Holder[]): Finding[] {
  const held = values.flatMap(({ name, value }): Held[] => {
    const holder = holders[Number(name)];
    return holder === undefined ? [] : [{ holder, value }];
  });
  const stored = held.filter((h) => h.holder.node === undefined);
  const running = held.filter((h) => h.holder.node !== undefined);
  const late = running.filter(({ holder, value }) =>
    stored.some((s) => s.holder.cluster === holder.cluster && s.value !== value),
  );
  const [first] = late;
  // Where every agent has what its ConfigMap says, the ConfigMaps differ, which is another finding.
  if (first === undefined) return [];
  const overridden = late.flatMap((h) => overriddenBy(setting, h) ?? []);
  if (overridden.length > 0) {
    const had = byValue(held, ({ cluster, node }) => `${node ?? "cilium-config"} of ${cluster.name}`);
    return [...Map.groupBy(overridden, (o) => o.config).values()].map((own) =>
      ofNodeConfig(setting, own, had),
    );
  }
  const clusters = [...new Set(late.map((h) => h.holder.cluster))];
  const isMixed = (cluster: ClusterSnapshot): boolean =>
    new Set(running.filter((h) => h.holder.cluster === cluster).map((h) => h.value)).size > 1;
  const where = clusters.find(isMixed) ?? first.holder.cluster;
  const differ = new Set(running.map((h) => h.value)).size > 1;
  const said = byValue(stored, ({ cluster }) => cluster.name);
  const had = byValue(running, ({ cluster, node }) => `${node} of ${cluster.name}`);
  const restarts = clusters.map((c) => inCluster(restart(c, agents), c));
  // Where the ConfigMaps differ, a restart would spread the difference.
  const isPlanned = new Set(stored.map((s) => s.value)).size === 1;
  return [
    findingOf("agents-not-restarted", {
      severity: differ ? "broken" : "suspect",
      cluster: where.name,
      subject: `${setting.key} of the agents of ${where.name}`,
      message: differ
        ? `agents run with different ${setting.key}: ${had}; cilium-config says ${said}, and was changed after the agents with another value started; ${setting.effect}`
        : `all agents run with ${setting.key} ${first.value}, and cilium-config says ${said}: it was changed after they started, and one that starts now does not fit the others`,
      next: isPlanned
        ? `restart the agents: ${restarts.join("; ")}; with rollOutCiliumPods: true a helm upgrade restarts them itself`
        : `give ${setting.key} one value in cilium-config of every cluster first, then restart the agents that have another`,
    }),
  ];
}

interface Override {
  readonly held: Held;
  readonly node: string;
  readonly config: NodeConfig;
  /** Those of its settings that make the difference. */
  readonly keys: readonly string[];
}

/** The CiliumNodeConfig that gives a node's agent the value it runs with. */
function overriddenBy(setting: SettingDifference["setting"], held: Held): Override | undefined {
  const { cluster, node } = held.holder;
  const stored = settingsOf(cluster);
  if (stored === undefined || node === undefined) return undefined;
  for (const config of known(cluster.nodeConfigs)) {
    if (!selectsNode(config, cluster, node)) continue;
    const settings = { ...stored.settings, ...config.defaults };
    if (setting.valueOf({ ...stored, settings }) !== held.value) continue;
    const keys = Object.keys(config.defaults).filter((key) => {
      const { [key]: _, ...others } = config.defaults;
      return setting.valueOf({ ...stored, settings: { ...stored.settings, ...others } }) !== held.value;
    });
    if (keys.length > 0) return { held, node, config, keys };
  }
  return undefined;
}

/** True where the node's labels are not known: that it runs with the same value shows it. */
function selectsNode({ selector }: NodeConfig, cluster: ClusterSnapshot, node: string): boolean {
  const labels = known(cluster.nodes).find((n) => n.name === node)?.labels;
  return labels === undefined || labelsMatch(selector, (key) => labels[key]);
}

function ofNodeConfig(
  { key, effect }: SettingDifference["setting"],
  overrides: readonly Override[],
  had: string,
): Finding {
  const { held, config, keys } = found(overrides[0], "node that a CiliumNodeConfig selects");
  const { cluster } = held.holder;
  const nodes = overrides.map((o) => o.node);
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
  return findingOf("node-config-differs", {
    cluster: cluster.name,
    subject: `CiliumNodeConfig ${namespace}/${name} of ${cluster.name}`,
    message: `CiliumNodeConfig ${namespace}/${name} of ${cluster.name} sets ${keys.map((k) => `${k} ${defaults[k]}`).join(", ")} for node ${shortList(nodes, nodesShown)}, which does not fit the others: ${key} is ${had}; ${effect}`,
    next: [removal, ...nodes.map((node) => restartAgent(cluster, node))].join("; "),
  });
}

/** `8473 (n2 of west), 8472 (n1 of west, n1 of east)`; the rarest value first. */
function byValue(held: readonly Held[], nameOf: (holder: Holder) => string): string {
  const groups = Map.groupBy(held, (h) => h.value);
  return [...groups]
    .toSorted(([, a], [, b]) => a.length - b.length)
    .map(([value, all]) => {
      const names = all.slice(0, nodesShown).map((h) => nameOf(h.holder));
      const more = all.length > nodesShown ? ` and ${all.length - nodesShown} more` : "";
      return `${value} (${names.join(", ")}${more})`;
    })
    .join(", ");
}
