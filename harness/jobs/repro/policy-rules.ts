import { titleOf } from "#harness/diagnose/what-if.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { cidrProblems } from "#harness/semantics/cidr-rules.ts";
import { labelFilter } from "#harness/semantics/identity-label-filter.ts";
import { leftOutLabelProblems } from "#harness/semantics/left-out-labels.ts";
import type { MeshPod, PolicyCluster } from "#harness/semantics/policy-clusters.ts";
import { inEffect, type PolicyContext } from "#harness/semantics/policy-effect.ts";
import { enforcementOf } from "#harness/semantics/policy-model.ts";
import { refusedProblems } from "#harness/semantics/refused-policies.ts";
import { mayBeSetElsewhere } from "./listed-peers.ts";
import { isDrawn } from "./pod-network.ts";
import { settingsOf } from "./source-settings.ts";
import { type Workload, workloadsOf } from "./stand-ins.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;
type Settings = PolicyCluster["settings"];

/** Policies with a rule that cannot mean what it says, by the same rules as `diagnose`. */
export function policyRules(clusters: readonly SourceCluster[]): Problem[] {
  const read = clusters.map((source) => {
    const settings = policySettings(source);
    return { source, settings, context: contextOf(source, settings), policies: readPolicies(source) };
  });
  const known = read.map(({ source, settings, context, policies }) =>
    policyCluster(source, settings, inEffect(policies, settings, context)),
  );
  return [
    ...read.flatMap(({ source, ...r }) => refusedProblems({ name: source.name, ...r })),
    ...cidrProblems(known),
    ...leftOutLabelProblems(known),
  ].map(({ cluster, policy, problem, remedy, breaks, missingValue }) => ({
    cluster,
    field: titleOf(policy),
    inSource: `${problem}; ${missingValue === undefined ? "" : `set the Helm value ${missingValue} and restart the agents, or `}${remedy}`,
    inLab: "as it is",
    matters: breaks ? "yes" : "perhaps",
  }));
}

/** cilium-config as far as policies depend on it; the chart writes most of them with every value. */
function policySettings(source: SourceCluster): Settings {
  const { values, config } = source;
  const mode = at(values, "policyCIDRMatchMode");
  const isKnown = Object.keys(values).some((key) => key !== "cluster") && !mayBeSetElsewhere(source);
  return {
    ...(isKnown
      ? {
          "enable-node-selector-labels": String(at(values, "nodeSelectorLabels") ?? false),
          "enable-host-firewall": String(at(values, "hostFirewall.enabled") ?? false),
          "policy-audit-mode": String(at(values, "policyAuditMode") ?? false),
          "policy-cidr-match-mode": Array.isArray(mode) ? mode.join(" ") : String(mode ?? ""),
        }
      : {}),
    ...settingsOf(source).settings,
    ...config,
  };
}

/** A setting that a whole cilium-config lacks has the agents' default: both of these are off. */
function contextOf({ cilium, config }: SourceCluster, settings: Settings): PolicyContext {
  const isWhole = config["identity-allocation-mode"] !== undefined;
  const isOn = (key: string): boolean | undefined =>
    settings[key] === undefined && !isWhole ? undefined : settings[key] === "true";
  return {
    version: cilium,
    nodeLabels: isOn("enable-node-selector-labels"),
    hostFirewall: isOn("enable-host-firewall"),
  };
}

/** Those that have a policy's shape. */
function readPolicies({ policies, clusterwide }: SourceCluster): UserPolicy[] {
  const textOf = (objects: readonly SourceObject[], kind: string): string =>
    JSON.stringify(objects.filter((o) => o.kind === kind));
  const read = policiesOf(
    new Map([
      ["networkpolicies.json", textOf(policies, "NetworkPolicy")],
      ["ciliumnetworkpolicies.json", textOf(policies, "CiliumNetworkPolicy")],
      ["ciliumclusterwidenetworkpolicies.json", textOf(clusterwide, "CiliumClusterwideNetworkPolicy")],
    ]),
  );
  return Object.values(read.policies).flatMap((part) => (part.ok ? part.value : []));
}

function policyCluster(
  source: SourceCluster,
  settings: Settings,
  policies: readonly UserPolicy[],
): PolicyCluster {
  const { name, cilium: version, podNetwork, nodeIps } = source;
  const local = settings["policy-default-local-cluster"];
  const keeps = labelFilter({ settings, version });
  return {
    ...{ name, version, settings, policies, nodeIps },
    isLocal: local === undefined || local === "" ? isAtLeast(version ?? "0.0.0", "1.19") : local === "true",
    enforcement: enforcementOf(settings),
    pods: workloadsOf(source)
      .filter((w) => w.replicas > 0 && !w.hostNetwork)
      .map((w) => podOf(source, w, (key) => keeps?.(key) !== false)),
    ranges: isDrawn(podNetwork) ? { sure: [], likely: podNetwork.all } : { sure: podNetwork.all, likely: [] },
  };
}

function podOf(source: SourceCluster, workload: Workload, keeps: (key: string) => boolean): MeshPod {
  const { namespace, name, labels, ports, serviceAccount = "default" } = workload;
  const own = source.namespaces.find((n) => n.metadata.name === namespace);
  const named = ports.flatMap((p) =>
    p.name === undefined || p.protocol !== "TCP" ? [] : [[p.name, p.port]],
  );
  return {
    title: `${namespace}/${name}`,
    labels,
    model: {
      ...{ cluster: source.name, namespace, serviceAccount },
      labels: Object.fromEntries(Object.entries(labels).filter(([key]) => keeps(key))),
      namespaceLabels: { "kubernetes.io/metadata.name": namespace, ...own?.metadata.labels },
      portNames: Object.fromEntries(named) as Record<string, number>,
    },
    // Of a workload they are not known.
    ips: [],
    ports: ports.flatMap(({ port, protocol }) => (protocol === "SCTP" ? [] : [{ port, protocol }])),
  };
}
