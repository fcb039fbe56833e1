import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { certainly } from "#harness/semantics/policy-clusters.ts";
import { listOf, type ModelPolicy, selectsSubject } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { kubectl } from "./parts.ts";
import type { Member, MemberPod } from "./policy-members.ts";
import { subjectOf } from "./policy-rules.ts";
import {
  distinct,
  isBackend,
  type Meeting,
  meetings,
  podsLike,
  policiesAt,
  policiesThat,
  type ServedPort,
  type Side,
  serviceMembers,
  type Verdicts,
  verdictsBy,
} from "./policy-services.ts";
import { titleOf } from "./what-if.ts";

/**
 * Denials that take from every pod of another cluster what a policy allows them: a denial goes before what is allowed, so a
 * global service does not work between the two.
 */
export function deniedClusters(mesh: MeshSnapshot): Finding[] {
  const members = serviceMembers(mesh);
  return members.flatMap((own) =>
    (["ingress", "egress"] as const).flatMap((side) => {
      const denials = own.models.map((m) => m.model).filter((model) => hasDenial(model, side));
      if (denials.length === 0) return [];
      const isSubject = ({ model }: MemberPod): boolean =>
        denials.some((denial) => certainly(() => selectsSubject(denial, model)));
      const judgesOf = oncePer((other: Member) => judgesFor(members, { own, other, side }));
      const hits = meetings(members, own, side)
        .filter((m) => (side === "ingress" ? m.backends : m.clients).some(isSubject))
        .flatMap((meeting) => hitsAt(meeting, judgesOf(meeting.other)));
      const alike = Map.groupBy(hits, (h) => JSON.stringify([h.meeting.other.name, h.denying, h.allowing]));
      return [...alike.values()].flatMap((group) => findingFor(group));
    }),
  );
}

const hasDenial = ({ spec }: ModelPolicy, side: Side): boolean => listOf(spec[`${side}Deny`]).length > 0;

/** What policies say now, and what they would say without denials on one side. */
interface Judges {
  readonly now: Verdicts;
  readonly freed: Verdicts;
}

function judgesFor(
  members: readonly Member[],
  { own, other, side }: Pick<Meeting, "own" | "other" | "side">,
): Judges {
  const policies = policiesAt({ own, other });
  const freed = policies.map((model) => (model.cluster === own.name ? withoutDenials(model, side) : model));
  return { now: verdictsBy(members, policies), freed: verdictsBy(members, freed) };
}

/** It denies by default as before. */
function withoutDenials(model: ModelPolicy, side: Side): ModelPolicy {
  if (!hasDenial(model, side)) return model;
  const ofNobody = { [side === "ingress" ? "fromEndpoints" : "toEndpoints"]: [] };
  return { ...model, spec: { ...model.spec, [`${side}Deny`]: [ofNobody] } };
}

/** A connection that a policy allows, as far as denials let it. */
interface Allowed {
  readonly by: string;
  readonly client: MemberPod;
  readonly port: ServedPort;
  /** The policies that deny it; undefined where it is not denied. */
  readonly denying: readonly string[] | undefined;
}

/** A policy of which nothing remains for the pods of another cluster at a service. */
interface Hit {
  readonly meeting: Meeting;
  /** Names of policies, without their cluster. */
  readonly allowing: string;
  readonly denying: readonly string[];
  /** To whom it allows it. */
  readonly clients: readonly MemberPod[];
}

function hitsAt(meeting: Meeting, judges: Judges): Hit[] {
  const { own, backends, clients, ports } = meeting;
  const allowed = clients.flatMap((client) =>
    backends.flatMap((to) =>
      ports.flatMap((port): Allowed[] => {
        const connection = { from: client.model, to: to.model, ...port };
        const freed = judges.freed(connection);
        if (freed.verdict !== "allow") return [];
        const said = judges.now(connection);
        const denying = said.verdict === "deny" ? policiesThat("denies", said, own) : undefined;
        return policiesThat("allows", freed, own).map((by) => ({ by, client, port, denying }));
      }),
    ),
  );
  const byPolicy = Map.groupBy(allowed, ({ by, port }) => JSON.stringify([by, port]));
  return [...byPolicy.values()].flatMap((rows) => voidOf(meeting, judges, rows));
}

/** What a policy allows at a port, if nothing of it remains. */
function voidOf(meeting: Meeting, judges: Judges, rows: readonly Allowed[]): Hit[] {
  const { client, twin } = meeting;
  const [first] = rows;
  if (first === undefined || rows.some(({ denying }) => denying === undefined)) return [];
  const clients = [...new Set(rows.map((row) => row.client))];
  // A policy that is about everybody does not say who is meant; then it matters only where there is no other backend.
  const isMeant = !isForAll(meeting, judges, { ...first, count: clients.length });
  if (!isMeant && client.pods.some((p) => isBackend(twin, p))) return [];
  const denying = [...new Set(rows.flatMap((row) => row.denying ?? []))].toSorted();
  return [{ meeting, allowing: first.by, denying, clients }];
}

/** Whether a policy allows to every pod of the other cluster, or towards every one, what it allows to these clients. */
function isForAll(
  { side, own, other, clients }: Meeting,
  { freed }: Judges,
  { by, client, port, count }: Allowed & { readonly count: number },
): boolean {
  if (side === "ingress") return count === clients.length;
  return distinct(other.pods).every((to) =>
    policiesThat("allows", freed({ from: client.model, to: to.model, ...port }), own).includes(by),
  );
}

function findingFor(hits: readonly Hit[]): Finding[] {
  const [first] = hits;
  if (first === undefined) return [];
  const { own, other, client, side } = first.meeting;
  const denying = first.denying.flatMap((name) => policiesNamed(own, name)).filter(isCiliums);
  const allowing = policiesNamed(own, first.allowing);
  const [policy] = denying;
  if (policy === undefined || allowing.length === 0) return [];
  const [denies, allows] = [denying.map(titleOf).join(" and "), allowing.map(titleOf).join(" and ")];
  const names = hits.map(({ meeting: { service } }) => `${service.namespace}/${service.name}`);
  const services = shortList([...new Set(names)], 3);
  const clients = shortList([...new Set(hits.flatMap((h) => podsLike(client, h.clients)))], 3);
  const backends = side === "ingress" ? `${own.name}'s backends` : `the backends of ${other.name}`;
  const hasOwn = hits.some(({ meeting: { twin } }) => client.pods.some((p) => isBackend(twin, p)));
  const rest = hasOwn
    ? "their requests that are sent there are dropped"
    : `${client.name} has no ready backend of its own`;
  const show = kubectl(policy.namespace, "get", `${policy.kind.toLowerCase()}/${policy.name}`, "-o", "yaml");
  const annotation = side === "ingress" ? "service.cilium.io/shared" : "service.cilium.io/global";
  return [
    findingOf("policy-denies-other-cluster", {
      cluster: own.snapshot.name,
      subject: subjectOf(policy, own.name),
      message: `${denies} of ${own.name} ${denying.length === 1 ? "denies" : "deny"} pods of ${client.name} (${clients}) what ${allows} allows them, and a denial goes before it: none of them reaches ${backends} of global service ${services}, and ${rest}`,
      next: `if they are meant to use the service, leave ${side === "ingress" ? "them" : "its backends"} out of ${side}Deny: ${show}; otherwise remove what ${allows} allows, and keep the service from sending requests there, with the annotation ${annotation} "false" in ${own.name}`,
    }),
  ];
}

const isCiliums = ({ kind }: UserPolicy): boolean => kind !== "NetworkPolicy";

/** By `namespace/name`; of policies of two kinds with one name, both. */
const policiesNamed = ({ policies }: Member, name: string): readonly UserPolicy[] =>
  policies.filter((p) => [p.namespace, p.name].filter((part) => part !== "").join("/") === name);
