import { oncePer } from "#harness/lib/once-per.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { bareKey, listOf, namespaceLabel, type Selector } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { kubectl } from "./parts.ts";
import type { Member, MemberPod } from "./policy-members.ts";
import { subjectOf } from "./policy-rules.ts";
import {
  type Meeting,
  meetings,
  podsLike,
  policiesAt,
  policiesThat,
  type Side,
  serviceMembers,
  type Verdicts,
  verdictsBy,
} from "./policy-services.ts";
import { inCluster } from "./repairs.ts";
import { titleOf } from "./what-if.ts";

type Labels = Readonly<Record<string, string>>;

/**
 * Policies that select peers by a label of their namespace, which the namespace of that name has in the policy's cluster and
 * lacks in another: pods there are shut out of a global service for no other reason.
 */
export function namespaceLabelPolicies(mesh: MeshSnapshot): Finding[] {
  const members = serviceMembers(mesh);
  return members.flatMap((own) => {
    const namespaces = namespacesOf(own);
    const judgeOf = oncePer((other: Member) => verdictsBy(members, policiesAt({ own, other })));
    return (["ingress", "egress"] as const).flatMap((side) => {
      const asking = own.policies.flatMap((policy) =>
        wantedBy(policy, side).map((wanted) => ({ policy, wanted })),
      );
      if (asking.length === 0) return [];
      const met = meetings(members, own, side).filter(({ other }) => showsLabels(own, other));
      return asking.flatMap(({ policy, wanted }) => {
        const hits = met.flatMap((meeting) =>
          hitsAt({ meeting, policy, wanted, namespaces, says: judgeOf(meeting.other) }),
        );
        const byCluster = Map.groupBy(hits, (h) => h.meeting.other.name);
        return [...byCluster.values()].flatMap((group) => findingFor(policy, wanted, group));
      });
    });
  });
}

/** The labels of its namespaces, as far as identities of pods in them have them. */
const namespacesOf = ({ pods }: Member): ReadonlyMap<string, Labels> =>
  new Map(pods.map(({ model }) => [model.namespace, model.namespaceLabels]));

/** Whether identities of both clusters hold the same labels of namespaces, so that what one lacks its namespace lacks. */
const showsLabels = (own: Member, other: Member): boolean =>
  own.config.labels === other.config.labels &&
  other.pods.some(({ model }) => Object.keys(model.namespaceLabels).length > 0);

/** A peer that is selected by labels that its namespace must have. */
interface Wanted {
  /** `spec.ingress[0].fromEndpoints[0]`. */
  readonly path: string;
  readonly keys: readonly string[];
}

function wantedBy({ kind, specs }: UserPolicy, side: Side): Wanted[] {
  const word = side === "ingress" ? "from" : "to";
  const isKubernetes = kind === "NetworkPolicy";
  const list = isKubernetes ? word : `${word}Endpoints`;
  return specs.flatMap(({ path, spec }) =>
    listOf(spec[side]).flatMap((rule, i) =>
      listOf(rule[list]).flatMap((peer, j): Wanted[] => {
        const keys = isKubernetes
          ? requiredBy((peer.namespaceSelector ?? {}) as Selector)
          : requiredBy(peer)
              .map(bareKey)
              .filter((key) => key.startsWith(namespaceLabel))
              .map((key) => key.slice(namespaceLabel.length));
        return keys.length === 0 ? [] : [{ path: `${path}.${side}[${i}].${list}[${j}]`, keys }];
      }),
    ),
  );
}

/** The keys that a selected object must have. */
const requiredBy = ({ matchLabels, matchExpressions }: Selector): string[] => [
  ...Object.keys(matchLabels ?? {}),
  ...(matchExpressions ?? [])
    .filter(({ operator }) => operator === "In" || operator === "Exists")
    .map(({ key }) => key),
];

/** Pods of another cluster that would be let in, or reached, with the labels that their namespace lacks. */
interface Hit {
  readonly meeting: Meeting;
  readonly peer: MemberPod;
  readonly lacking: Labels;
}

interface Asked {
  readonly meeting: Meeting;
  readonly policy: UserPolicy;
  readonly wanted: Wanted;
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly says: Verdicts;
}

function hitsAt({ meeting, policy, wanted, namespaces, says }: Asked): Hit[] {
  const { side, own, backends, clients, ports } = meeting;
  const name = [policy.namespace, policy.name].filter((part) => part !== "").join("/");
  const [subjects, peers] = side === "ingress" ? [backends, clients] : [clients, backends];
  return peers.flatMap((peer): Hit[] => {
    const { namespaceLabels, namespace } = peer.model;
    const here = Object.entries(namespaces.get(namespace) ?? {});
    const lacking = Object.fromEntries(
      here.filter(([key]) => wanted.keys.includes(key) && namespaceLabels[key] === undefined),
    );
    if (Object.keys(lacking).length === 0) return [];
    const labelled = { ...peer.model, namespaceLabels: { ...namespaceLabels, ...lacking } };
    const isHit = subjects.some((subject) =>
      ports.some((port) => {
        const between = (model: MemberPod["model"]) =>
          side === "ingress"
            ? { from: model, to: subject.model, ...port }
            : { from: subject.model, to: model, ...port };
        if (says(between(peer.model)).verdict !== "deny") return false;
        const then = says(between(labelled));
        return then.verdict === "allow" && policiesThat("allows", then, own).includes(name);
      }),
    );
    return isHit ? [{ meeting, peer, lacking }] : [];
  });
}

/** `team=store`. */
const textsOf = (labels: Labels): string[] => Object.entries(labels).map(([key, value]) => `${key}=${value}`);

function findingFor(policy: UserPolicy, { path }: Wanted, hits: readonly Hit[]): Finding[] {
  const [first] = hits;
  if (first === undefined) return [];
  const { own, other, side } = first.meeting;
  const lacking = new Map(hits.map((h) => [h.peer.model.namespace, h.lacking]));
  const where = [...lacking].map(
    ([name, labels]) => `namespace ${name} has ${textsOf(labels).join(" and ")}`,
  );
  const names = hits.map(({ meeting: { service } }) => `${service.namespace}/${service.name}`);
  const services = shortList([...new Set(names)], 3);
  const peers = podsLike(
    other,
    hits.map((h) => h.peer),
  );
  const effect =
    side === "ingress"
      ? `pods of ${other.name} (${shortList(peers, 3)}) are shut out of ${own.name}'s backends of global service ${services}`
      : `pods of ${own.name} do not reach the backends of ${other.name} (${shortList(peers, 3)}) of global service ${services}`;
  const commands = [...lacking].map(([name, labels]) =>
    inCluster(kubectl("", "label", `namespace/${name}`, ...textsOf(labels)), other.snapshot),
  );
  return [
    findingOf("policy-namespace-label", {
      cluster: own.snapshot.name,
      subject: subjectOf(policy, own.name),
      message: `${titleOf(policy)} of ${own.name} selects by labels of namespaces in ${path}: ${where.join(", ")} in ${own.name}, and lacks it in ${other.name}, so ${effect}, and requests that are sent there are dropped`,
      next: `if pods of ${other.name} are meant too, label the namespace there as in ${own.name}: ${commands.join("; then ")}; otherwise keep the service from sending requests there, with the annotation ${side === "ingress" ? "service.cilium.io/shared" : "service.cilium.io/global"} "false" in ${own.name}`,
    }),
  ];
}
