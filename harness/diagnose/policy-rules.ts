import { networkOf, usualRange } from "#harness/lib/cidr.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { cidrProblems } from "#harness/semantics/cidr-rules.ts";
import { leftOutLabelProblems } from "#harness/semantics/left-out-labels.ts";
import type { MeshPod, PodRanges, PolicyCluster, PolicyProblem } from "#harness/semantics/policy-clusters.ts";
import { refusedProblems } from "#harness/semantics/refused-policies.ts";
import { type FindingId, findingOf } from "./catalogue/index.ts";
import { known, kubectl, nameOf, wholeConfig } from "./parts.ts";
import { type Member, type MemberPod, memberOf, policiesOf } from "./policy-members.ts";
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
    ...leftOutLabelProblems(clusters).map((p) => findingFor(mesh, "policy-label-left-out", p)),
  ];
}

function findingFor(mesh: MeshSnapshot, id: FindingId, found: PolicyProblem): Finding {
  const { policy, problem, remedy, breaks, patch } = found;
  const { namespace, name, kind } = policy;
  const snapshot = mesh.clusters.find((c) => nameOf(c) === found.cluster);
  const object = `${kind.toLowerCase()}/${name}`;
  const command =
    patch === undefined
      ? kubectl(namespace, "get", object, "-o", "yaml")
      : kubectl(namespace, "patch", object, "--type", "json", "-p", JSON.stringify(patch));
  return findingOf(id, {
    cluster: snapshot?.name ?? found.cluster,
    subject: `policy ${namespace === "" ? "" : `${namespace}/`}${name} of ${found.cluster}`,
    message: `${titleOf(policy)} of ${found.cluster}: ${problem}`,
    next: patch === undefined ? `${remedy}; the policy: ${command}` : `${remedy}: ${command}`,
    ...(breaks ? {} : { severity: "suspect" as const }),
  });
}

function clusterOf({ snapshot, config, ...member }: Member): PolicyCluster {
  const { version } = contextOf(snapshot);
  return {
    ...{ name: member.name, version, settings: config },
    ...{ isLocal: member.isLocal, enforcement: member.enforcement, policies: member.policies },
    pods: member.pods.map(meshPod),
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

const meshPod = ({ pod, model, labels }: MemberPod): MeshPod => ({
  title: `${pod.namespace}/${pod.name}`,
  model,
  labels: { ...labels, ...pod.labels },
  ips: pod.ips ?? (pod.ip === "" ? [] : [pod.ip]),
  ports: (pod.ports ?? []).flatMap(({ port, protocol }) =>
    protocol === "TCP" || protocol === "UDP" ? [{ port, protocol }] : [],
  ),
});

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
