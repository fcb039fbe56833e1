import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import {
  type ClusterSettings,
  type SettingDifference,
  settingDifferences,
} from "#harness/semantics/mesh-settings.ts";
import { findingOf } from "./catalogue/index.ts";
import { foreignNames, type Override, overrideFindings, overrideOf } from "./node-configs.ts";
import { type NodeSettings, nodeSettings, settingsOf } from "./node-settings.ts";
import { agents, inCluster, restart } from "./repairs.ts";

const nodesShown = 3;

/** Who has which settings: the ConfigMap of a cluster, or a node. */
interface Holder {
  readonly cluster: ClusterSnapshot;
  readonly of?: NodeSettings;
  /** What the node's agent runs with, or gets when it starts, where that is not known. */
  readonly settings: ClusterSettings;
}

/** A holder's value of one setting. */
interface Held {
  readonly holder: Holder;
  readonly value: string;
}

/**
 * Agents read cilium-config, and the CiliumNodeConfigs that override it for their node, when they start. Where either was
 * changed later, or overrides it for some nodes, the ConfigMaps can be equal while the agents are not. Settings that are
 * allowed to differ may be set for single nodes, so only those that Cilium requires are compared.
 */
export function runningSettings(mesh: MeshSnapshot): Finding[] {
  const holders = mesh.clusters.flatMap(holdersOf);
  const named = (settings: ClusterSettings, i: number): ClusterSettings => ({ ...settings, name: String(i) });
  // What an agent gets when it starts anew counts too.
  const next = holders.flatMap(({ of }) => (of === undefined ? [] : [of.expected]));
  const all = [...holders.map((h) => h.settings), ...next].map(named);
  const compared = settingDifferences(all).filter(({ setting }) => setting.severity === "broken");
  return [...foreignNames(mesh), ...compared.flatMap(({ setting }) => ofSetting(setting, holders))];
}

function holdersOf(cluster: ClusterSnapshot): Holder[] {
  const settings = settingsOf(cluster);
  if (settings === undefined) return [];
  return [
    { cluster, settings },
    ...nodeSettings(cluster).map((of) => ({ cluster, of, settings: of.running ?? of.expected })),
  ];
}

type Setting = SettingDifference["setting"];

function ofSetting(setting: Setting, holders: readonly Holder[]): Finding[] {
  const held = holders.flatMap((holder): Held[] => {
    const value = setting.valueOf(holder.settings);
    return value === undefined ? [] : [{ holder, value }];
  });
  const stored = held.filter((h) => h.holder.of === undefined);
  const overrides = held.flatMap(({ holder: { of } }) =>
    of === undefined ? [] : (overrideOf(setting, of) ?? []),
  );
  const overridden = new Set(overrides.map((o) => o.of));
  const running = held.filter(({ holder: { of } }) => of?.running !== undefined && !overridden.has(of));
  const misfits = misfitting(overrides, held);
  const named = new Set<NodeSettings | undefined>(misfits.map((o) => o.of));
  const shown = [
    ...stored,
    ...held.filter(({ holder: { of } }) => of?.running !== undefined || named.has(of)),
  ];
  const had = byValue(shown, ({ cluster, of }) => `${of?.node ?? "cilium-config"} of ${cluster.name}`);
  return [...overrideFindings(setting, misfits, had), ...notRestarted(setting, stored, running)];
}

/** Overrides with which not all nodes have one value; where clusters differ anyway, those that fit none of them. */
function misfitting(overrides: readonly Override[], held: readonly Held[]): readonly Override[] {
  const given = new Map<NodeSettings | undefined, string>(overrides.map((o) => [o.of, o.value]));
  const values = held.map(({ holder: { cluster, of }, value }) => ({
    ...{ cluster, of },
    value: given.get(of) ?? value,
  }));
  const nodes = values.filter((v) => v.of !== undefined);
  const [stored, lone] = [
    values.filter((v) => v.of === undefined),
    values.filter((v) => v.of === undefined && !nodes.some((n) => n.cluster === v.cluster)),
  ];
  if (new Set([...nodes, ...lone].map((v) => v.value)).size < 2) return [];
  const planned = new Set(stored.map((v) => v.value));
  return planned.size < 2 ? overrides : overrides.filter((o) => !planned.has(o.value));
}

/** Agents that run with another value than the cilium-config of their cluster has. */
function notRestarted(setting: Setting, stored: readonly Held[], running: readonly Held[]): Finding[] {
  const late = running.filter(({ holder, value }) =>
    stored.some((s) => s.holder.cluster === holder.cluster && s.value !== value),
  );
  const [first] = late;
  // Where every agent has what its ConfigMap says, the ConfigMaps differ, which is another finding.
  if (first === undefined) return [];
  const clusters = [...new Set(late.map((h) => h.holder.cluster))];
  const isMixed = (cluster: ClusterSnapshot): boolean =>
    new Set(running.filter((h) => h.holder.cluster === cluster).map((h) => h.value)).size > 1;
  const where = clusters.find(isMixed) ?? first.holder.cluster;
  const differ = new Set(running.map((h) => h.value)).size > 1;
  const said = byValue(stored, ({ cluster }) => cluster.name);
  const had = byValue(running, ({ cluster, of }) => `${of?.node} of ${cluster.name}`);
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
