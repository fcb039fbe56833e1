import { networkOf, usualRange } from "#harness/lib/cidr.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { missingGroupProblems, namedGroups, policiesWithGroups } from "#harness/semantics/cidr-groups.ts";
import { cidrProblems } from "#harness/semantics/cidr-rules.ts";
import { hostNetworkProblems, type WithHostPods } from "#harness/semantics/host-network-pods.ts";
import { leftOutLabelProblems } from "#harness/semantics/left-out-labels.ts";
import type { MeshPod, PodRanges, PolicyProblem } from "#harness/semantics/policy-clusters.ts";
import { inEffect } from "#harness/semantics/policy-effect.ts";
import { enforcementOf, type UnknownLabels } from "#harness/semantics/policy-model.ts";
import { refusedProblems } from "#harness/semantics/refused-policies.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { cidrGroupsOf, known, kubectl, nameOf, wholeConfig } from "./parts.ts";
import { type Member, type MemberPod, memberOf, policiesOf } from "./policy-members.ts";
import { agents, helmUpgrade, restart } from "./repairs.ts";
import { contextOf, titleOf } from "./what-if.ts";

/** Policies with a rule that cannot mean what it says. */
export function policyRules(mesh: MeshSnapshot): Finding[] {
  const clusters = mesh.clusters.flatMap((c) => memberOf(c) ?? []).map(clusterOf);
  const refused = mesh.clusters.flatMap((c) => {
    const settings = wholeConfig(c);
    return settings === undefined
      ? []
      : refusedProblems({ name: nameOf(c), settings, context: contextOf(c), policies: policiesOf(c) });
  });
  return [
    ...refused.map((p) => findingFor(mesh, "policy-refused", p)),
    ...cidrProblems(clusters).map((p) => findingFor(mesh, "policy-cidr-of-pods", p)),
    ...mesh.clusters.flatMap((c) => ofCidrGroups(mesh, c)),
    ...leftOutLabelProblems(clusters).map((p) => findingFor(mesh, "policy-label-left-out", p)),
    ...hostNetworkProblems(clusters).map((p) => findingFor(mesh, "policy-host-network-pods", p)),
  ];
}

function findingFor(mesh: MeshSnapshot, id: FindingId, found: PolicyProblem): Finding {
  const { policy, problem, breaks } = found;
  const snapshot = mesh.clusters.find((c) => nameOf(c) === found.cluster);
  return findingOf(id, {
    cluster: snapshot?.name ?? found.cluster,
    subject: subjectOf(policy, found.cluster),
    message: `${titleOf(policy)} of ${found.cluster}: ${problem}`,
    next: id === "policy-refused" && snapshot !== undefined ? ofRefused(snapshot, found) : remedyOf(found),
    ...(breaks ? {} : { severity: "suspect" as const }),
  });
}

export const subjectOf = ({ namespace, name }: UserPolicy, cluster: string): string =>
  `policy ${namespace === "" ? "" : `${namespace}/`}${name} of ${cluster}`;

const objectOf = ({ kind, name }: UserPolicy): string => `${kind.toLowerCase()}/${name}`;

function remedyOf({ policy, remedy, patch }: PolicyProblem): string {
  const { namespace } = policy;
  return patch === undefined
    ? `${remedy}; the policy: ${kubectl(namespace, "get", objectOf(policy), "-o", "yaml")}`
    : `${remedy}: ${kubectl(namespace, "patch", objectOf(policy), "--type", "json", "-p", JSON.stringify(patch))}`;
}

function ofRefused(cluster: ClusterSnapshot, { policy, remedy, missingValue }: PolicyProblem): string {
  if (missingValue === undefined) return editedOrDeleted(policy, remedy);
  const edit = kubectl(policy.namespace, "edit", objectOf(policy));
  return `${helmUpgrade(cluster, missingValue)}; ${restart(cluster, agents)}; or ${remedy}: ${edit}`;
}

/** To delete a policy that no agent takes changes no traffic. */
export const editedOrDeleted = (policy: UserPolicy, remedy: string): string =>
  `${remedy}: ${kubectl(policy.namespace, "edit", objectOf(policy))}; or, if it is not needed, since nothing depends on it: ${kubectl(policy.namespace, "delete", objectOf(policy))}`;

/** CiliumCIDRGroups that policies name and that do not exist, or that were not read. */
function ofCidrGroups(mesh: MeshSnapshot, cluster: ClusterSnapshot): Finding[] {
  const settings = wholeConfig(cluster);
  if (settings === undefined || enforcementOf(settings) === "never") return [];
  const name = nameOf(cluster);
  const groups = cidrGroupsOf(cluster);
  const policies = inEffect(policiesOf(cluster), settings, contextOf(cluster));
  if (groups !== undefined)
    return missingGroupProblems(name, policies, groups).map((p) =>
      findingFor(mesh, "policy-cidr-group-missing", p),
    );
  return policies.flatMap((policy) => {
    const named = namedGroups(policy);
    if (named.length === 0) return [];
    return [
      findingOf("unread", {
        cluster: cluster.name,
        subject: subjectOf(policy, name),
        message: `${titleOf(policy)} of ${name} names CiliumCIDRGroups (${shortList(named, 3)}), which were not read: whether they exist, and hold addresses of pods, is not judged`,
        next: `look at them: ${kubectl("", "get", "ciliumcidrgroups", "-o", "yaml")}`,
      }),
    ];
  });
}

function clusterOf({ snapshot, config, ...member }: Member): WithHostPods {
  const { version } = contextOf(snapshot);
  return {
    ...{ name: member.name, version, settings: config },
    ...{ isLocal: member.isLocal, enforcement: member.enforcement },
    policies: policiesWithGroups(member.policies, cidrGroupsOf(snapshot)),
    pods: member.pods.map(meshPod),
    hostPods: hostPodsOf(snapshot, { config, ...member }),
    nodeCount: known(snapshot.nodes).length,
    ranges: rangesOf(snapshot, config),
    nodeIps: [
      ...known(snapshot.nodes).map((n) => n.address),
      ...known(snapshot.ciliumNodes)
        .flatMap((n) => n.addresses ?? [])
        .filter(({ type }) => type === "InternalIP" || type === "ExternalIP")
        .map(({ ip }) => ip),
    ].filter((ip) => ip !== ""),
  };
}

const meshPod = ({ pod, model, labels }: Omit<MemberPod, "identity">): MeshPod => ({
  title: `${pod.namespace}/${pod.name}`,
  model,
  labels: { ...labels, ...pod.labels },
  ips: pod.ips ?? (pod.ip === "" ? [] : [pod.ip]),
  ports: (pod.ports ?? []).flatMap(({ port, protocol }) =>
    protocol === "TCP" || protocol === "UDP" ? [{ port, protocol }] : [],
  ),
});

/** Pods in their node's network as if they had identities: with labels of namespaces as far as other pods show them. */
function hostPodsOf(
  snapshot: ClusterSnapshot,
  { name, config, pods }: Pick<Member, "name" | "config" | "pods">,
): MeshPod[] {
  const shown = new Map(pods.map(({ model }) => [model.namespace, model.namespaceLabels]));
  // A filter may leave some out of identities.
  const showsAll = (namespace: string): boolean =>
    (config.labels ?? "") === "" && Object.keys(shown.get(namespace) ?? {}).length > 0;
  return known(snapshot.pods)
    .filter((pod) => pod.hostNetwork && pod.ready && !pod.ending && pod.ended !== true)
    .map((pod) => {
      const { namespace, labels } = pod;
      const named = (pod.ports ?? []).filter((p) => p.name !== "" && p.protocol === "TCP");
      const model = {
        ...{ cluster: name, namespace, labels },
        namespaceLabels: { [nameLabel]: namespace, ...shown.get(namespace) },
        unknownLabels: unknownLabels(showsAll(namespace)),
        portNames: Object.fromEntries(named.map((p) => [p.name, p.port])),
      };
      return meshPod({ pod, model, labels });
    });
}

/** Their service accounts are not read. */
const unknownLabels = (isNamespaceKnown: boolean): UnknownLabels[] =>
  isNamespaceKnown ? ["serviceAccount"] : ["namespace", "serviceAccount"];

/** Kubernetes gives it to every namespace. */
const nameLabel = "kubernetes.io/metadata.name";

/** Of pools, where the operator assigns addresses of them; else around the CIDRs of nodes. */
function rangesOf(snapshot: ClusterSnapshot, config: Readonly<Record<string, string>>): PodRanges {
  const ofNodes = known(snapshot.ciliumNodes)
    .flatMap((n) => n.podCidrs)
    .flatMap((cidr) => networkOf(cidr) ?? []);
  const pools = ["ipv4", "ipv6"]
    .flatMap((family) => (config[`cluster-pool-${family}-cidr`] ?? "").split(/[\s,]+/))
    .flatMap((cidr) => networkOf(cidr) ?? []);
  if (config.ipam?.startsWith("cluster-pool") === true) return { sure: [...ofNodes, ...pools], likely: [] };
  return { sure: ofNodes, likely: usualRange(ofNodes) };
}
