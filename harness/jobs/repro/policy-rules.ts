import { titleOf } from "#harness/diagnose/what-if.ts";
import { policiesOf } from "#harness/evidence/policy-objects.ts";
import { oncePer } from "#harness/lib/once-per.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Difference, SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { missingGroupProblems, policiesWithGroups } from "#harness/semantics/cidr-groups.ts";
import { cidrProblems } from "#harness/semantics/cidr-rules.ts";
import { hostNetworkProblems, type WithHostPods } from "#harness/semantics/host-network-pods.ts";
import { labelFilter } from "#harness/semantics/identity-label-filter.ts";
import { leftOutLabelProblems } from "#harness/semantics/left-out-labels.ts";
import { type GlobalService, ownClusterProblems } from "#harness/semantics/own-cluster-entities.ts";
import type { MeshPod, PolicyCluster, PolicyProblem } from "#harness/semantics/policy-clusters.ts";
import { inEffect, type PolicyContext } from "#harness/semantics/policy-effect.ts";
import { enforcementOf, listOf } from "#harness/semantics/policy-model.ts";
import { refusedProblems } from "#harness/semantics/refused-policies.ts";
import { shutByDefault } from "./always-enforced.ts";
import { givenGroups } from "./cidr-groups.ts";
import { mayBeSetElsewhere } from "./listed-peers.ts";
import { isDrawn } from "./pod-network.ts";
import { settingsOf } from "./source-settings.ts";
import { type Workload, workloadsOf } from "./stand-ins.ts";
import { at } from "./values-at.ts";

type Problem = Omit<Difference, "difference" | "part">;
type Settings = PolicyCluster["settings"];

interface ReadPolicies {
  readonly source: SourceCluster;
  readonly settings: Settings;
  readonly context: PolicyContext;
  readonly policies: readonly UserPolicy[];
  /** Those that are in effect, as they are written. */
  readonly effective: readonly UserPolicy[];
  /** With the same, and the CIDRs of groups in place of their names. */
  readonly cluster: WithHostPods;
}

/** The check asks for the rules of one entity besides. */
const readCluster = oncePer((source: SourceCluster): ReadPolicies => {
  const settings = policySettings(source);
  const context = contextOf(source, settings);
  const policies = readPolicies(source);
  const effective = inEffect(policies, settings, context);
  const groups = givenGroups(source);
  // Without any, they were perhaps not given.
  const resolved = policiesWithGroups(effective, groups.length === 0 ? undefined : groups);
  const cluster = policyCluster(source, settings, resolved);
  return { source, settings, context, policies, effective, cluster };
});

/** Policies with a rule that cannot mean what it says, by the same rules as `diagnose`. */
export function policyRules(clusters: readonly SourceCluster[]): Problem[] {
  const read = clusters.map(readCluster);
  const known = read.map((r) => r.cluster);
  return [
    ...read.flatMap(({ source, settings, context, policies }) =>
      refusedProblems({ name: source.name, settings, context, policies }),
    ),
    ...cidrProblems(known),
    ...read.flatMap(missingGroups),
    ...leftOutLabelProblems(known),
    ...ownClusterEntities(read),
    ...hostNetworkProblems(known),
  ]
    .map(rowOf)
    .concat(read.flatMap(({ source, cluster }) => shutByDefault(source, cluster)));
}

/** CiliumCIDRGroups that policies name and that no file has. */
const missingGroups = ({ source, settings, effective }: ReadPolicies): PolicyProblem[] =>
  enforcementOf(settings) === "never"
    ? []
    : missingGroupProblems(source.name, effective, givenGroups(source), "files");

/** Policies whose entity `cluster` keeps another cluster's clients from backends of a global service. */
export const ownClusterRules = (clusters: readonly SourceCluster[]): Problem[] =>
  ownClusterEntities(clusters.map(readCluster)).map(rowOf);

/** Policies that mean pods in the network of their node by labels, which such a pod does not have. */
export const hostNetworkRules = (clusters: readonly SourceCluster[]): Problem[] =>
  hostNetworkProblems(clusters.map((c) => readCluster(c).cluster)).map(rowOf);

const ownClusterEntities = (read: readonly ReadPolicies[]): PolicyProblem[] =>
  ownClusterProblems(read.map(({ source, cluster }) => ({ cluster, services: globalServices(source) })));

const rowOf = ({ cluster, policy, problem, remedy, breaks, missingValue }: PolicyProblem): Problem => ({
  cluster,
  field: titleOf(policy),
  inSource: `${problem}; ${missingValue === undefined ? "" : `set the Helm value ${missingValue} and restart the agents, or `}${remedy}`,
  inLab: "as it is",
  matters: breaks ? "yes" : "perhaps",
});

const globalServices = ({ services }: SourceCluster): GlobalService[] =>
  services.flatMap(({ metadata, spec }) => {
    const annotations = metadata.annotations ?? {};
    if (!isGlobal(annotations)) return [];
    const selector: unknown = spec?.selector;
    return [
      {
        namespace: metadata.namespace ?? "default",
        name: metadata.name,
        selector: Object.fromEntries(
          Object.entries(isMapping(selector) ? selector : {}).map(([key, value]) => [key, String(value)]),
        ),
        isShared: isShared(annotations),
        isHeadless: spec?.clusterIP === "None",
        ports: listOf(spec?.ports).flatMap(
          ({ port, targetPort = port, protocol = "TCP" }): GlobalService["ports"] => {
            const target = /^\d+$/.test(String(targetPort)) ? Number(targetPort) : String(targetPort);
            return protocol === "TCP" || protocol === "UDP" ? [{ target, protocol }] : [];
          },
        ),
      },
    ];
  });

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
): WithHostPods {
  const { name, cilium: version, podNetwork, nodeIps, controlPlanes, workers } = source;
  const local = settings["policy-default-local-cluster"];
  const keeps = labelFilter({ settings, version });
  const running = workloadsOf(source).filter((w) => w.replicas > 0);
  const podsOf = (hostNetwork: boolean): MeshPod[] =>
    running
      .filter((w) => w.hostNetwork === hostNetwork)
      .map((w) => podOf(source, w, (key) => keeps?.(key) !== false));
  return {
    ...{ name, version, settings, policies, nodeIps },
    isLocal: local === undefined || local === "" ? isAtLeast(version ?? "0.0.0", "1.19") : local === "true",
    enforcement: enforcementOf(settings),
    pods: podsOf(false),
    hostPods: podsOf(true).map((pod) => withUnknown(source, pod)),
    nodeCount: controlPlanes + workers,
    mayBeOverruled: source.others.some((o) => o.kind === "ClusterNetworkPolicy"),
    ranges: isDrawn(podNetwork) ? { sure: [], likely: podNetwork.all } : { sure: podNetwork.all, likely: [] },
  };
}

/** A namespace that no file has may have any labels. */
const withUnknown = ({ namespaces }: SourceCluster, pod: MeshPod): MeshPod =>
  namespaces.some((n) => n.metadata.name === pod.model.namespace)
    ? pod
    : { ...pod, model: { ...pod.model, unknownLabels: ["namespace"] } };

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
