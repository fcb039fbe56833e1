// What all policies together say of the pods that one selector is about, before a change and after it.
import { oncePer } from "#harness/lib/once-per.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import {
  type MeshPod,
  type PlacedRule,
  type PolicyCluster,
  pairedPods,
  perhaps,
  portsOf,
} from "./policy-clusters.ts";
import {
  type Connection,
  type ModelPod,
  type ModelPolicy,
  type PolicyVerdict,
  policySays,
  selectsSubject,
} from "./policy-model.ts";

/** What of a cluster decides on connections: `policies` are those in effect. */
export type JudgedCluster = Pick<PolicyCluster, "name" | "isLocal" | "enforcement" | "policies">;

export interface Verdicts {
  readonly says: (connection: Connection) => PolicyVerdict;
  /** The ports that the policies which select a pod name. */
  readonly portsAt: (pod: ModelPod) => readonly Port[];
}

type Port = Pick<Connection, "port" | "protocol">;

const modelsOf = ({ name: cluster, policies }: JudgedCluster): ModelPolicy[] =>
  policies.flatMap(({ kind, namespace, name, specs }) =>
    specs.map(({ spec }): ModelPolicy => ({ cluster, kind, namespace, name, spec })),
  );

/** Rules of a proxy count: with them it is not clear what a connection may do. */
export function verdictsOf(clusters: readonly JudgedCluster[]): Verdicts {
  const all = clusters.flatMap(modelsOf);
  // One that is not understood may select the pod.
  const mayApply = (policy: ModelPolicy, pod: ModelPod): boolean =>
    policy.cluster === pod.cluster && perhaps(() => selectsSubject(policy, pod));
  const selecting = oncePer((pod: ModelPod) => all.filter((policy) => mayApply(policy, pod)));
  const of = new Map(clusters.map((c) => [c.name, c]));
  return {
    says: (connection) =>
      policySays(
        [...new Set([...selecting(connection.to), ...selecting(connection.from)])],
        connection,
        (name) => of.get(name)?.isLocal === true,
        (name) => of.get(name)?.enforcement ?? "default",
      ),
    portsAt: oncePer((pod: ModelPod) => selecting(pod).flatMap(({ spec }) => portsIn(spec))),
  };
}

function portsIn(value: unknown): Port[] {
  if (Array.isArray(value)) return value.flatMap(portsIn);
  if (!isMapping(value)) return [];
  const port = Number(value.port ?? 0);
  const own: Port[] =
    Number.isInteger(port) && port > 0
      ? [{ port, protocol: String(value.protocol).toUpperCase() === "UDP" ? "UDP" : "TCP" }]
      : [];
  return [...own, ...Object.values(value).flatMap(portsIn)];
}

/** A selector of a policy that means other pods after a change. */
export interface Narrowed<P extends MeshPod> {
  readonly rule: PlacedRule;
  /** What its peers would get from the change if it alone decided. */
  readonly access: "gain" | "lose";
  /** Pods that the policy is about, and pods that only one of the two meanings selects. */
  readonly subjects: readonly MeshPod[];
  readonly peers: readonly P[];
}

export interface AccessChange<P extends MeshPod> {
  /** Those that gain or lose access to a subject, or of which that is not clear. */
  readonly changed: readonly P[];
  readonly kept: readonly P[];
  /** Why nothing changes for those that are kept: `gva/shop/cart-from-both allows it`. */
  readonly why: readonly string[];
}

/** Ports that policies hardly name: for a rule about every port of a pod that declares none. */
const anyOther = { port: 1, protocol: "TCP" } as const;

/** Of so many peers for which nothing changes, it is said why. */
const mostAsked = 5;

/** What a rule is about, between two pods. */
function connectionsOf(
  { direction, rule, ...placed }: PlacedRule,
  [subject, peer]: readonly [MeshPod, MeshPod],
  named: Verdicts["portsAt"],
): Connection[] {
  const [client, server] = direction === "ingress" ? [peer, subject] : [subject, peer];
  const isEveryPort = rule.toPorts === undefined && rule.ports === undefined && server.ports.length === 0;
  const ports: Port[] = [
    ...portsOf({ direction, rule, ...placed }, server),
    ...(isEveryPort ? [anyOther, ...named(client.model), ...named(server.model)] : []),
  ];
  const distinct = new Map(ports.map((port) => [`${port.port}/${port.protocol}`, port]));
  return [...distinct.values()].map((port) => ({ from: client.model, to: server.model, ...port }));
}

/** Whom a selector's new meaning gives or takes access, where other policies may give or take the same. */
export function accessChange<P extends MeshPod>(
  before: Verdicts,
  after: Verdicts,
  { rule, access, subjects, peers }: Narrowed<P>,
): AccessChange<P> {
  const [from, to] = access === "lose" ? ["allow", "deny"] : ["deny", "allow"];
  const { peers: changed } = pairedPods(subjects, peers, (subject, peer) =>
    connectionsOf(rule, [subject, peer], before.portsAt).some((connection) => {
      const [was, will] = [before.says(connection).verdict, after.says(connection).verdict];
      return (was === from && will === to) || was === "unclear" || will === "unclear";
    }),
  );
  const isChanged = new Set<P>(changed);
  const kept = peers.filter((p) => !isChanged.has(p));
  const asked = kept.slice(0, mostAsked);
  const why = subjects
    .slice(0, 1)
    .flatMap((subject) => asked.flatMap((peer) => connectionsOf(rule, [subject, peer], before.portsAt)))
    .flatMap((connection) => {
      const [was, will] = [before.says(connection).why, after.says(connection).why];
      const same = will.filter((reason) => was.includes(reason));
      return same.length > 0 ? same : will;
    });
  return { changed, kept, why: [...new Set(why)] };
}
