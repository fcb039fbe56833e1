import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { masqueraded } from "#harness/semantics/masquerading.ts";
import {
  type SettingDifference,
  settingDifferences,
  wrongId,
  wrongName,
} from "#harness/semantics/mesh-settings.ts";
import { minorsApart } from "#harness/semantics/version-skew.ts";
import { findingOf } from "./catalogue/index.ts";
import { overridesIn } from "./node-configs.ts";
import { effectiveSettings, settingsOf } from "./node-settings.ts";
import { isMeshed, known, nameOf } from "./parts.ts";
import { agents, apiserver, helmUpgrade, inCluster, operator, restart } from "./repairs.ts";

/** Settings that Cilium refuses, and settings that must be equal in all clusters: no other layer explains them. */
export function settings(mesh: MeshSnapshot): Finding[] {
  return [
    // A cluster that is alone needs neither a name nor an id.
    ...mesh.clusters.filter((c) => isMeshed(mesh, c)).flatMap(namesAndIds),
    ...twinNames(mesh),
    ...differences(mesh),
    ...ipsecKeys(mesh),
    ...nativeRouting(mesh),
    ...versions(mesh),
  ];
}

function namesAndIds(cluster: ClusterSnapshot): Finding[] {
  const own = settingsOf(cluster);
  if (own === undefined) return [];
  const name = own.settings["cluster-name"];
  const badName = name === undefined ? undefined : wrongName(name);
  const badId = wrongId(own);
  return [
    ...(badName === undefined
      ? []
      : [
          findingOf("cluster-name-invalid", {
            cluster: cluster.name,
            subject: `cluster name of ${cluster.name}`,
            message: `cluster name ${JSON.stringify(name)} cannot be used: ${badName}`,
            next: "set cluster.name to a valid name, and restart every pod of the cluster",
          }),
        ]),
    ...(badId === undefined
      ? []
      : [
          findingOf("cluster-id-invalid", {
            cluster: cluster.name,
            subject: `cluster id of ${cluster.name}`,
            message: `cluster id ${own.settings["cluster-id"]} of ${cluster.name} cannot be used: ${badId}`,
            next: `set cluster.id of ${cluster.name} to an unused id, and restart every pod of the cluster`,
          }),
        ]),
  ];
}

function twinNames(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster, i) =>
    mesh.clusters
      .slice(i + 1)
      .filter((other) => cluster.config.ok && other.config.ok && nameOf(other) === nameOf(cluster))
      .map((other) =>
        findingOf("cluster-name-twice", {
          cluster: other.name,
          subject: `clusters ${cluster.name} and ${other.name}`,
          message: `two clusters have the name ${nameOf(cluster)}; they are listed as ${cluster.name} and ${other.name}`,
          next: "give each cluster a unique cluster.name and cluster.id, and restart its agents and clustermesh-apiserver",
        }),
      ),
  );
}

function differences(mesh: MeshSnapshot): Finding[] {
  const stored = settingDifferences(mesh.clusters.flatMap((c) => settingsOf(c) ?? []));
  const effective = settingDifferences(mesh.clusters.flatMap((c) => effectiveSettings(c) ?? []));
  return effective.flatMap(({ setting, values }) => {
    const [first] = values;
    // What CiliumNodeConfigs alone make different is a finding about them; it compares what must be equal.
    const isTheirs = setting.severity === "broken" && !stored.some((s) => s.setting === setting);
    if (first === undefined || isTheirs) return [];
    const overriding = mesh.clusters.flatMap((c) => namesOf(setting, c));
    const beside =
      overriding.length === 0
        ? ""
        : `; ${overriding.join(" and ")} ${overriding.length === 1 ? "overrides" : "override"} it there, which a helm upgrade does not change`;
    return [
      findingOf("setting-differs", {
        severity: setting.severity,
        cluster: first.name,
        subject: setting.key,
        message: `clusters differ in ${setting.key}: ${values.map(({ name, value }) => `${name} ${value}`).join(", ")}; ${setting.effect}`,
        next: `${repairOf(mesh, { setting, values }) ?? setting.remedy}${beside}`,
      }),
    ];
  });
}

/** The CiliumNodeConfigs of a cluster that override a setting. */
const namesOf = (setting: SettingDifference["setting"], cluster: ClusterSnapshot): string[] => [
  ...new Set(
    overridesIn(cluster, setting).map(
      ({ config }) => `CiliumNodeConfig ${config.namespace}/${config.name} of ${cluster.name}`,
    ),
  ),
];

/** What all agents run with is what all clusters had; otherwise a value has to be chosen, and any does. */
function repairOf(mesh: MeshSnapshot, { setting, values }: SettingDifference): string | undefined {
  const { helmValues } = setting;
  const [first] = values;
  if (helmValues === undefined || first === undefined) return undefined;
  const running = runningValue(mesh, setting);
  if (running === undefined && setting.changeable !== true) return undefined;
  const byCount = [...Map.groupBy(values, (v) => v.value)].toSorted(([, a], [, b]) => b.length - a.length);
  const chosen = running ?? byCount[0]?.[0] ?? first.value;
  const wrong = mesh.clusters.filter((c) => values.some((v) => v.name === c.name && v.value !== chosen));
  const restarted = running === undefined ? [agents, operator] : [apiserver, operator];
  const commands = wrong.flatMap((c) => [
    inCluster(helmUpgrade(c, ...helmValues(chosen)), c),
    inCluster(restart(c, ...restarted), c),
  ]);
  return running === undefined
    ? `${setting.remedy}; for example ${chosen}: ${commands.join("; ")}`
    : `every agent runs with ${setting.key} ${chosen}, so set it back: ${commands.join("; ")}`;
}

/** Undefined where an agent's own settings are not known, or differ. */
function runningValue(mesh: MeshSnapshot, setting: SettingDifference["setting"]): string | undefined {
  const values = mesh.clusters.flatMap((cluster) =>
    cluster.agents.map(({ startedWith }) => {
      const own = settingsOf(cluster);
      if (own === undefined || startedWith?.ok !== true || Object.keys(startedWith.value).length === 0)
        return undefined;
      return setting.valueOf({ ...own, settings: startedWith.value });
    }),
  );
  const [first, ...others] = new Set(values);
  return others.length === 0 ? first : undefined;
}

/** A rotation passes the nodes of a cluster one by one: only clusters without a common key cannot talk. */
function ipsecKeys(mesh: MeshSnapshot): Finding[] {
  const keys = mesh.clusters.flatMap((cluster) => {
    if (settingsOf(cluster)?.settings["enable-ipsec"] !== "true") return [];
    const ids = known(cluster.ciliumNodes).flatMap((n) =>
      n.encryptionKey === undefined || n.encryptionKey === 0 ? [] : [n.encryptionKey],
    );
    return ids.length === 0 ? [] : [{ name: cluster.name, ids: [...new Set(ids)].sort((a, b) => a - b) }];
  });
  return keys.flatMap((a, i) =>
    keys
      .slice(i + 1)
      .filter((b) => !a.ids.some((id) => b.ids.includes(id)))
      .map((b) =>
        findingOf("ipsec-key-differs", {
          cluster: b.name,
          subject: `IPsec keys of ${a.name} and ${b.name}`,
          message: `clusters use different IPsec keys: ${a.name} key ${a.ids.join(", ")}, ${b.name} key ${b.ids.join(", ")}`,
          next: "give both clusters the same Secret cilium-ipsec-keys: a rotation must be applied to all clusters",
        }),
      ),
  );
}

/** Pods of other clusters that the native routing CIDR does not cover are masqueraded. */
function nativeRouting(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) => {
    const own = settingsOf(cluster);
    if (own === undefined) return [];
    return mesh.clusters.flatMap((peer) => {
      const outside =
        peer === cluster
          ? undefined
          : masqueraded(
              own,
              known(peer.ciliumNodes).flatMap((n) => n.podCidrs),
              { ofNodes: known(cluster.nodeConfigs).flatMap((c) => Object.keys(c.defaults)) },
            );
      if (outside === undefined) return [];
      const { range, cidrs, unless } = outside;
      return [
        findingOf("native-routing-cidr", {
          severity: unless === undefined ? "broken" : "suspect",
          cluster: cluster.name,
          subject: `native routing CIDR of ${cluster.name}`,
          message: `ipv4-native-routing-cidr ${range} of ${cluster.name} does not cover pod CIDR ${cidrs[0]} of ${peer.name}: packets to its pods are masqueraded${unless === undefined ? "" : `, unless ${unless}`}`,
          next: `set ipv4NativeRoutingCIDR of ${cluster.name} to a range that covers the pods of all clusters`,
        }),
      ];
    });
  });
}

function versions(mesh: MeshSnapshot): Finding[] {
  const apart = minorsApart(
    mesh.clusters.map((c) => ({ name: c.name, version: settingsOf(c)?.version ?? "" })),
  );
  if (apart === undefined) return [];
  const { oldest, newest } = apart;
  return [
    findingOf("cilium-versions-apart", {
      cluster: oldest.name,
      subject: "Cilium versions",
      message: `Cilium versions are more than one minor release apart: ${oldest.name} ${oldest.version}, ${newest.name} ${newest.version}`,
      next: `upgrade ${oldest.name}, one minor release at a time`,
    }),
  ];
}
