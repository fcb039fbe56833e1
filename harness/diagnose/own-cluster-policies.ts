import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot, PodState, ServiceState } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { isGlobal, isShared } from "#harness/semantics/annotations.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { openSelectors } from "#harness/semantics/cluster-selectors.ts";
import {
  entityRules,
  type Judging,
  namingClusters,
  type OwnClusterSelector,
  selectsByLabel,
  shutsOut,
} from "#harness/semantics/own-cluster-selectors.ts";
import { certainly } from "#harness/semantics/policy-clusters.ts";
import { clusterKey, selectsSubject } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { isDerived, known, kubectl, slicesOf } from "./parts.ts";
import { type Member, type MemberPod, memberOf } from "./policy-members.ts";
import { titleOf } from "./what-if.ts";

const setting = "policy-default-local-cluster";

/**
 * Policies whose peers are pods of their own cluster only, because they name no cluster or are the entity `cluster`,
 * although a global service brings pods of another cluster there: some of its requests are dropped.
 */
export function ownClusterPolicies(mesh: MeshSnapshot): Finding[] {
  const members = mesh.clusters.filter(hasServices).flatMap((c) => memberOf(c) ?? []);
  return members.flatMap((member) =>
    member.policies
      .filter((policy) => !JSON.stringify(policy.specs).includes(clusterKey))
      .flatMap((policy) => findingsOf(members, member, policy)),
  );
}

const hasServices = ({ services, slices }: ClusterSnapshot): boolean => services.ok && slices?.ok === true;

/** Pods of one side that do not get through to backends of the other, by a selector. */
interface Hit {
  readonly one: OwnClusterSelector;
  readonly other: string;
  readonly service: string;
  /** `namespace/name`. */
  readonly clients: readonly string[];
}

function findingsOf(members: readonly Member[], member: Member, policy: UserPolicy): Finding[] {
  const byEntity = member.models
    .filter((m) => policy.specs.includes(m.of))
    .flatMap((m) => entityRules(m, policy));
  const byLabel = openSelectors(policy).flatMap((selector): OwnClusterSelector[] => {
    const of = policy.specs.find(({ path }) => selector.path.startsWith(`${path}.`));
    const spec = member.models.find((m) => m.of === of);
    const isPlain = selector.verdict === "allow" && selector.peers === "pods" && !selector.emptyLabel;
    return spec === undefined || !isPlain ? [] : [{ ...spec, policy, selector }];
  });
  const selectors = [...(member.isLocal ? byLabel : []), ...byEntity];
  return (["ingress", "egress"] as const).flatMap((direction) => {
    const hits = selectors
      .filter((one) => one.selector.direction === direction && selectsByLabel(one))
      .flatMap((one) =>
        members
          .filter((other) => other !== member)
          .flatMap((other) => hitsOf(one, { member, other, judging: judgingOf(members, member, other) })),
      );
    return hits.length === 0 ? [] : [findingFor(member, policy, hits)];
  });
}

const judgingOf = (members: readonly Member[], member: Member, other: Member): Judging => ({
  cluster: member.name,
  policies: member.models,
  other: other.name,
  otherPolicies: other.models,
  defaultsToLocal: (name) => members.find((m) => m.name === name)?.isLocal === true,
  enforcementOf: (name) => members.find((m) => m.name === name)?.enforcement ?? "default",
});

interface Between {
  readonly member: Member;
  readonly other: Member;
  readonly judging: Judging;
}

/** Ingress: the policy's cluster has the backends, and the other one the clients. Egress: the other way round. */
function hitsOf(one: OwnClusterSelector, { member, other, judging }: Between): Hit[] {
  const { selector, policy, model: subject } = one;
  const isIngress = selector.direction === "ingress";
  const [server, client] = isIngress ? [member, other] : [other, member];
  const isSubject = ({ pod, model }: MemberPod): boolean =>
    (policy.namespace === "" || policy.namespace === pod.namespace) &&
    certainly(() => selectsSubject(subject, model));
  const isPeer = ({ labels }: MemberPod): boolean => certainly(() => selector.matches?.(labels) === true);
  const [isServing, isAsking] = isIngress ? [isSubject, isPeer] : [isPeer, isSubject];
  const asking = client.pods.filter(isAsking);
  if (asking.length === 0) return [];
  const isShut = shutsOut(one, judging);
  return sharedServices(server, client).flatMap(({ service, twin }) => {
    const backends = server.pods.filter((p) => isBackend(service, p) && isServing(p));
    const ports = portsOf(server, service);
    if (backends.length === 0 || ports.length === 0) return [];
    // The pods of the service itself are its clients only where it stands for each of them.
    const own = isHeadless(service)
      ? new Set<number>()
      : new Set(client.pods.filter((p) => isBackend(twin, p)).map((p) => p.identity));
    const out = distinct(asking.filter((p) => !own.has(p.identity))).filter((from) =>
      distinct(backends).some((to) => ports.some((p) => isShut({ from: from.model, to: to.model, ...p }))),
    );
    if (out.length === 0) return [];
    const identities = new Set(out.map((p) => p.identity));
    const clients = asking.filter((p) => identities.has(p.identity)).map(({ pod }) => titleOfPod(pod));
    return [{ one, other: other.name, service: `${service.namespace}/${service.name}`, clients }];
  });
}

const titleOfPod = ({ namespace, name }: PodState): string => `${namespace}/${name}`;

/** For policies, pods of one identity are alike. */
const distinct = (pods: readonly MemberPod[]): MemberPod[] => [
  ...new Map(pods.map((p) => [p.identity, p])).values(),
];

const isBackend = ({ namespace, selector }: ServiceState, { pod }: MemberPod): boolean =>
  pod.namespace === namespace &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([key, value]) => pod.labels[key] === value);

/** Services whose backends in one cluster serve the clients of the other. */
function sharedServices(
  server: Member,
  client: Member,
): { readonly service: ServiceState; readonly twin: ServiceState }[] {
  const ofClient = new Map(
    known(client.snapshot.services)
      .filter((s) => isGlobal(s.annotations))
      .map((s) => [`${s.namespace}/${s.name}`, s]),
  );
  return known(server.snapshot.services).flatMap((service) => {
    const twin = ofClient.get(`${service.namespace}/${service.name}`);
    return twin === undefined || isDerived(service) || !isShared(service.annotations)
      ? []
      : [{ service, twin }];
  });
}

const judgedProtocols = ["TCP", "UDP"] as const;

/** The numbers at which its backends listen. */
function portsOf({ snapshot }: Member, service: ServiceState) {
  const ports = slicesOf(snapshot, service)
    .filter((s) => !s.mirrored)
    .flatMap((s) => s.ports)
    .flatMap(({ port, protocol: text }) => {
      const protocol = judgedProtocols.find((p) => p === text);
      return protocol === undefined ? [] : [{ port, protocol }];
    });
  return [...new Map(ports.map((p) => [`${p.port}/${p.protocol}`, p])).values()];
}

function findingFor(member: Member, policy: UserPolicy, hits: readonly Hit[]): Finding {
  const cluster = member.name;
  const isIngress = hits[0]?.one.selector.direction === "ingress";
  const others = [...new Set(hits.map((h) => h.other))];
  const services = shortList([...new Set(hits.map((h) => h.service))], 3);
  const clients = shortList([...new Set(hits.flatMap((h) => h.clients))], 3);
  const places = [...new Set(hits.map((h) => h.one.selector.path))].join(" and ");
  const far = others.join(" and ");
  const isEntity = hits.every(({ one }) => one.besideEntity !== undefined);
  const means = isEntity
    ? `lets the entity "cluster" through in ${places}, which means ${cluster} only, whatever ${setting} is`
    : `names no cluster in ${places}, so with ${setting} it means pods of ${cluster} only`;
  const effect = isIngress
    ? `pods of ${far} ${isEntity ? "" : "with the labels that it lets in "}(${clients}) are shut out of ${cluster}'s backends of global service ${services}`
    : `the pods of ${cluster} that it is about (${clients}) do not reach the backends of ${far} of global service ${services}${isEntity ? "" : ", which have the labels that it allows"}`;
  const steps = [...new Map(hits.map(({ one }) => [one.selector.path, one])).values()].map((one) =>
    namingClusters(one, [cluster, ...others]),
  );
  const command = kubectl(
    policy.namespace,
    ...["patch", `${policy.kind.toLowerCase()}/${policy.name}`, "--type", "json"],
    ...["-p", JSON.stringify(steps)],
  );
  return findingOf("policy-own-cluster-only", {
    cluster: member.snapshot.name,
    subject: `policy ${policy.namespace === "" ? "" : `${policy.namespace}/`}${policy.name} of ${member.snapshot.name}`,
    message: `${titleOf(policy)} of ${cluster} ${means}: ${effect}, and their requests that are sent there are dropped`,
    next: `if pods of ${far} are meant too: ${command}; otherwise keep the service from sending requests there, with ${isIngress ? "the annotation service.cilium.io/shared" : "the annotation service.cilium.io/global"} "false" in ${cluster}`,
  });
}
