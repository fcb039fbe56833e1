import { oncePer } from "#harness/lib/once-per.ts";
import type { AgentState, ClusterSnapshot, NodeConfig } from "#harness/model/mesh-snapshot.ts";
import { type ClusterSettings, tunnelPort } from "#harness/semantics/mesh-settings.ts";
import { labelsMatch } from "#harness/semantics/policy-model.ts";
import { ciliumNamespace, known, versionOf } from "./parts.ts";

/** What decides on the settings of the agent of a node. */
export interface NodeSettings {
  readonly cluster: ClusterSnapshot;
  readonly node: string;
  /** cilium-config. */
  readonly stored: ClusterSettings;
  /** CiliumNodeConfigs that select the node, or may, where its labels are not known; the last wins. */
  readonly configs: readonly NodeConfig[];
  /** cilium-config and what certainly overrides it: an agent that starts now has these. */
  readonly expected: ClusterSettings;
  /** What the agent runs with; undefined where that was not seen. */
  readonly running?: ClusterSettings | undefined;
}

/** Undefined where cilium-config could not be read: then nothing is compared. */
export function settingsOf(cluster: ClusterSnapshot): ClusterSettings | undefined {
  if (!cluster.config.ok) return undefined;
  const version = versionOf(cluster);
  return { name: cluster.name, settings: cluster.config.value, version };
}

/** Of every node that is listed or has an agent; none where cilium-config could not be read. */
export const nodeSettings = oncePer((cluster: ClusterSnapshot): NodeSettings[] => {
  const stored = settingsOf(cluster);
  if (stored === undefined) return [];
  const names = new Set([...cluster.agents.map((a) => a.node), ...known(cluster.nodes).map((n) => n.name)]);
  const all = configsOf(cluster);
  const agents = new Map(cluster.agents.map((a) => [a.node, a]));
  const labels = new Map(known(cluster.nodes).map((n) => [n.name, n.labels]));
  return [...names].map((node): NodeSettings => {
    const seen = all.map((config) => ({ config, selects: selectsNode(config, labels.get(node)) }));
    const configs = seen.filter((s) => s.selects !== false).map((s) => s.config);
    const sure = seen.filter((s) => s.selects === true).map((s) => s.config);
    const expected = withConfigs(stored, sure);
    const agent = agents.get(node);
    const running = agent === undefined ? undefined : settingsOfAgent(agent, stored, expected);
    return { cluster, node, stored, configs, expected, running };
  });
});

/**
 * Those that agents read, in the order in which they apply: of Cilium's own namespace, by their names (`readNodeConfigs`,
 * pkg/option/resolver/resolver.go@1.20.2).
 */
function configsOf(cluster: ClusterSnapshot): NodeConfig[] {
  const own = ciliumNamespace(cluster);
  return known(cluster.nodeConfigs)
    .filter((c) => c.namespace === own)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Undefined where the labels of the node are not known, or the selector is not understood. */
function selectsNode(
  { selector }: NodeConfig,
  labels: Readonly<Record<string, string>> | undefined,
): boolean | undefined {
  const isForAll = Object.keys(selector).length === 0;
  if (isForAll || labels === undefined) return isForAll ? true : undefined;
  try {
    return labelsMatch(selector, (key) => labels[key]);
  } catch {
    return undefined;
  }
}

/** Settings with those of CiliumNodeConfigs over them, the last of which wins. */
export const withConfigs = (stored: ClusterSettings, configs: readonly NodeConfig[]): ClusterSettings => ({
  ...stored,
  settings: Object.assign({}, stored.settings, ...configs.map((c) => c.defaults)),
});

/** An archive has no copy of what an agent started with, but the device of its tunnel. */
function settingsOfAgent(
  agent: AgentState,
  stored: ClusterSettings,
  expected: ClusterSettings,
): ClusterSettings | undefined {
  const started = agent.startedWith?.ok === true ? agent.startedWith.value : {};
  if (Object.keys(started).length > 0) return { ...stored, settings: started };
  const [device, ...others] = known(agent.tunnels);
  if (device === undefined || others.length > 0 || tunnelPort(stored) === undefined) return undefined;
  const as = (port: number): ClusterSettings => ({
    ...expected,
    settings: {
      ...expected.settings,
      ...{ "routing-mode": "tunnel", "tunnel-protocol": device.protocol, "tunnel-port": String(port) },
    },
  });
  // 0 is the protocol's own port.
  if (device.port === undefined) return as(Number(expected.settings["tunnel-port"] ?? 0));
  return as(device.port === tunnelPort(as(0)) ? 0 : device.port);
}

/** The settings of a cluster as its nodes have them: what CiliumNodeConfigs give to every node counts like cilium-config. */
export function effectiveSettings(cluster: ClusterSnapshot): ClusterSettings | undefined {
  const stored = settingsOf(cluster);
  const [first, ...others] = nodeSettings(cluster);
  if (stored === undefined || first === undefined) return stored;
  const common = Object.entries(first.expected.settings).filter(([key, value]) =>
    others.every((o) => o.expected.settings[key] === value),
  );
  return { ...stored, settings: { ...stored.settings, ...Object.fromEntries(common) } };
}
