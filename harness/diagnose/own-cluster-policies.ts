import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { openSelectors } from "#harness/semantics/cluster-selectors.ts";
import {
  entityRules,
  type Judging,
  namingClusters,
  type OwnClusterSelector,
  peerOf,
  selectsByLabel,
  shutsOut,
} from "#harness/semantics/own-cluster-selectors.ts";
import { certainly } from "#harness/semantics/policy-clusters.ts";
import { clusterKey, selectsSubject } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { kubectl } from "./parts.ts";
import type { Member, MemberPod } from "./policy-members.ts";
import {
  distinct,
  isBackend,
  isClient,
  podsLike,
  portsOf,
  serviceMembers,
  sharedServices,
} from "./policy-services.ts";
import type { ResolvedMember } from "./service-peers.ts";
import { titleOf } from "./what-if.ts";

const setting = "policy-default-local-cluster";

/**
 * Policies whose peers are pods of their own cluster only, because they name no cluster, name a service or are the entity
 * `cluster`, although a global service brings pods of another cluster there: some of its requests are dropped.
 */
export function ownClusterPolicies(mesh: MeshSnapshot): Finding[] {
  const members = serviceMembers(mesh);
  return members.flatMap((member) =>
    member.policies.flatMap((policy) => findingsOf(members, member, policy)),
  );
}

/** Pods of one side that do not get through to backends of the other, by a selector. */
interface Hit {
  readonly one: OwnClusterSelector;
  readonly other: string;
  readonly service: string;
  /** `namespace/name`. */
  readonly clients: readonly string[];
}

function findingsOf(members: readonly Member[], member: ResolvedMember, policy: UserPolicy): Finding[] {
  const byEntity = member.models
    .filter((m) => policy.specs.includes(m.of))
    .flatMap((m) => entityRules(m, policy));
  const byLabel = openSelectors(policy).flatMap((selector): OwnClusterSelector[] => {
    const of = policy.specs.find(({ path }) => selector.path.startsWith(`${path}.`));
    const spec = member.models.find((m) => m.of === of);
    const isPlain = selector.verdict === "allow" && selector.peers === "pods" && !selector.emptyLabel;
    if (spec === undefined || !isPlain) return [];
    const one = { ...spec, policy, selector };
    return [member.ofServices.has(peerOf(one)) ? { ...one, ofService: true } : one];
  });
  // Who names a cluster somewhere means it elsewhere too; for a service it cannot be named.
  const isMeant = JSON.stringify(policy.specs).includes(clusterKey);
  const selectors = [...(member.isLocal ? byLabel : []), ...byEntity].filter(
    (one) => !isMeant || one.ofService === true,
  );
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
  return sharedServices(server, client).flatMap((shared) => {
    const { service } = shared;
    const backends = server.pods.filter((p) => isBackend(service, p) && isServing(p));
    const ports = portsOf(server, service);
    if (backends.length === 0 || ports.length === 0) return [];
    const out = distinct(asking.filter(isClient(shared, client))).filter((from) =>
      distinct(backends).some((to) => ports.some((p) => isShut({ from: from.model, to: to.model, ...p }))),
    );
    if (out.length === 0) return [];
    const clients = podsLike({ ...client, pods: asking }, out);
    return [{ one, other: other.name, service: `${service.namespace}/${service.name}`, clients }];
  });
}

function findingFor(member: Member, policy: UserPolicy, hits: readonly Hit[]): Finding {
  const cluster = member.name;
  const isIngress = hits[0]?.one.selector.direction === "ingress";
  const others = [...new Set(hits.map((h) => h.other))];
  const services = shortList([...new Set(hits.map((h) => h.service))], 3);
  const clients = shortList([...new Set(hits.flatMap((h) => h.clients))], 3);
  const places = [...new Set(hits.map((h) => placeOf(h.one)))].join(" and ");
  const far = others.join(" and ");
  const isEntity = hits.every(({ one }) => one.besideEntity !== undefined);
  const means = isEntity
    ? `lets the entity "cluster" through in ${places}, which means ${cluster} only, whatever ${setting} is`
    : hits.every(({ one }) => one.ofService === true)
      ? `lets through to services in ${places}, where no cluster can be named, so with ${setting} it means their pods of ${cluster} only`
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

/** Where the policy itself has it. */
const placeOf = ({ selector, ofService }: OwnClusterSelector): string =>
  ofService === true ? selector.path.replace(/\.toEndpoints\[\d+\]$/, ".toServices") : selector.path;
