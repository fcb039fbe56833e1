import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import type { Finding } from "#harness/model/finding.ts";
import type { MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { listOf, type ModelPolicy } from "#harness/semantics/policy-model.ts";
import { findingOf } from "./catalogue/index.ts";
import { kubectl, versionOf } from "./parts.ts";
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
  verdictsBy,
} from "./policy-services.ts";
import { titleOf } from "./what-if.ts";

const sides = ["ingress", "egress"] as const;

/** A rule that lets through on condition of mutual authentication. */
interface AskingRule {
  readonly policy: UserPolicy;
  /** `spec.ingress[0]`. */
  readonly path: string;
  /** A policy of this rule alone, without the condition. */
  readonly alone: ModelPolicy;
}

/** A service at which such a rule meets pods of another cluster. */
interface Hit {
  readonly rule: AskingRule;
  readonly meeting: Meeting;
  readonly clients: readonly MemberPod[];
}

/**
 * Rules that ask pods of another cluster for mutual authentication: there is no trust domain across clusters, so what they
 * let through is dropped (Documentation/network/servicemesh/mutual-authentication of 1.19.7, "Limitations").
 */
export function mutualAuthentication(mesh: MeshSnapshot): Finding[] {
  const members = serviceMembers(mesh);
  return members.filter(isOn).flatMap((own) =>
    sides.flatMap((side) => {
      const rules = askingRules(own, side);
      if (rules.length === 0) return [];
      const hits = meetings(members, own, side).flatMap((meeting) => hitsAt(members, meeting, rules));
      const alike = Map.groupBy(hits, ({ rule: { policy }, meeting }) =>
        JSON.stringify([policy.kind, policy.namespace, policy.name, meeting.other.name]),
      );
      return [...alike.values()].flatMap(findingFor);
    }),
  );
}

/** By default before 1.19. Where it is off, what asks for authentication is let through without. */
function isOn({ config, snapshot }: Member): boolean {
  const value = config["mesh-auth-enabled"];
  const version = versionOf(snapshot);
  return value === undefined ? version !== undefined && !isAtLeast(version, "1.19") : value === "true";
}

type Rule = ReturnType<typeof listOf>[number];

const asks = ({ authentication }: Rule): boolean =>
  isMapping(authentication) && authentication.mode === "required";

function unconditional({ authentication: _, ...rule }: Rule): Readonly<Record<string, unknown>> {
  return rule;
}

const askingRules = (own: Member, side: Side): AskingRule[] =>
  own.policies
    .filter(({ kind }) => kind !== "NetworkPolicy")
    .flatMap((policy) =>
      own.models
        .filter(({ of }) => policy.specs.includes(of))
        .flatMap(({ of, model }) =>
          listOf(model.spec[side]).flatMap((rule, i) =>
            asks(rule)
              ? [{ policy, path: `${of.path}.${side}[${i}]`, alone: onlyRule(model, side, rule) }]
              : [],
          ),
        ),
    );

function onlyRule(model: ModelPolicy, side: Side, rule: Rule): ModelPolicy {
  const none = { ingress: [], egress: [], ingressDeny: [], egressDeny: [] };
  return { ...model, spec: { ...model.spec, ...none, [side]: [unconditional(rule)] } };
}

/** The same policy if nothing had to be authenticated. */
function freed(model: ModelPolicy): ModelPolicy {
  const rules = sides
    .filter((side) => listOf(model.spec[side]).some(asks))
    .map((side) => [side, listOf(model.spec[side]).map(unconditional)] as const);
  return rules.length === 0 ? model : { ...model, spec: { ...model.spec, ...Object.fromEntries(rules) } };
}

/** Rules for ports that explicitly ask for nothing are in force over one that asks at all ports (pkg/policy/mapstate.go:441 of 1.19.7). */
const isExempt = ({ authentication, toPorts }: Rule): boolean =>
  isMapping(authentication) && authentication.mode === "disabled" && listOf(toPorts).length > 0;

const exemptions = (own: Member, side: Side): ModelPolicy[] =>
  own.models.flatMap(({ model }) =>
    listOf(model.spec[side])
      .filter(isExempt)
      .map((rule) => onlyRule(model, side, rule)),
  );

/** The rules that let clients of a service through, of those that pass all policies otherwise. */
function hitsAt(members: readonly Member[], meeting: Meeting, rules: readonly AskingRule[]): Hit[] {
  const { own, clients, backends, ports, side } = meeting;
  const passes = verdictsBy(members, policiesAt(meeting).map(freed));
  const exempts = verdictsBy(members, exemptions(own, side));
  return rules.flatMap((rule) => {
    const says = verdictsBy(members, [rule.alone]);
    const isAtAllPorts = listOf(listOf(rule.alone.spec[side])[0]?.toPorts).length === 0;
    const asked = clients.filter((client) =>
      backends.some((to) =>
        ports.some((port) => {
          const connection = { from: client.model, to: to.model, ...port };
          const isLetThrough = policiesThat("allows", says(connection), own).length > 0;
          const isExempted = isAtAllPorts && policiesThat("allows", exempts(connection), own).length > 0;
          return isLetThrough && !isExempted && passes(connection).verdict === "allow";
        }),
      ),
    );
    return asked.length === 0 ? [] : [{ rule, meeting, clients: asked }];
  });
}

/** As a JSON patch has it: `/spec/ingress/0/authentication`. */
const pointerTo = (path: string): string =>
  `/${path.replaceAll(/\[(\d+)\]/g, "/$1").replaceAll(".", "/")}/authentication`;

function findingFor(hits: readonly Hit[]): Finding[] {
  const [first] = hits;
  if (first === undefined) return [];
  const { own, other, client, side } = first.meeting;
  const { policy } = first.rule;
  const paths = [...new Set(hits.map((h) => h.rule.path))];
  const names = hits.map(({ meeting: { service } }) => `${service.namespace}/${service.name}`);
  const services = shortList([...new Set(names)], 3);
  const clients = shortList([...new Set(hits.flatMap((h) => podsLike(client, h.clients)))], 3);
  const whose = side === "ingress" ? own.name : other.name;
  const steps = paths.map((path) => ({ op: "remove", path: pointerTo(path) }));
  const command = kubectl(
    policy.namespace,
    ...["patch", `${policy.kind.toLowerCase()}/${policy.name}`, "--type", "json"],
    ...["-p", JSON.stringify(steps)],
  );
  return [
    findingOf("policy-authentication", {
      cluster: own.snapshot.name,
      subject: subjectOf(policy, own.name),
      message: `${titleOf(policy)} of ${own.name} requires mutual authentication in ${paths.join(" and ")}, which does not work between clusters: pods of ${client.name} (${clients}), which it lets through, do not reach the backends of ${whose} of global service ${services}`,
      next: `let them through without: ${command}; where pods of ${own.name} itself must be authenticated, give them a rule of their own that names ${own.name}; WireGuard or IPsec encrypts between clusters`,
    }),
  ];
}
