// The clusters of a mesh with what policies decide by: pods, the addresses that they may have, and the policies.
import { oncePer } from "#harness/lib/once-per.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { modelPolicies, type SpecModel } from "./own-cluster-selectors.ts";
import {
  type Connection,
  type Enforcement,
  listOf,
  type ModelPod,
  type ModelPolicy,
  type PolicyVerdict,
  policySays,
  selectsSubject,
} from "./policy-model.ts";

export type Json = Readonly<Record<string, unknown>>;
type Spec = UserPolicy["specs"][number];

export interface PodPort {
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

/** A pod, or the pods of one workload. */
export interface MeshPod {
  /** `shop/cart-1`. */
  readonly title: string;
  /** With the labels of its identity, by which policies select it. */
  readonly model: ModelPod;
  /** Those that it has in Kubernetes. */
  readonly labels: Readonly<Record<string, string>>;
  /** Empty where they are not known. */
  readonly ips: readonly string[];
  /** Those that its containers declare. */
  readonly ports: readonly PodPort[];
}

/** The addresses of a cluster's pods, as CIDRs. */
export interface PodRanges {
  /** Of pods alone: CIDRs of nodes, declared pools. */
  readonly sure: readonly string[];
  /** A range of a usual size around all that is known. */
  readonly likely: readonly string[];
}

export interface PolicyCluster {
  readonly name: string;
  readonly version?: string | undefined;
  /** cilium-config, as far as it is known. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  readonly isLocal: boolean;
  readonly enforcement: Enforcement;
  /** Those that are in effect. */
  readonly policies: readonly UserPolicy[];
  readonly pods: readonly MeshPod[];
  readonly ranges: PodRanges;
  readonly nodeIps: readonly string[];
}

/** What is wrong with a policy of a cluster. */
export interface PolicyProblem {
  readonly cluster: string;
  readonly policy: UserPolicy;
  /** To follow the policy's name. */
  readonly problem: string;
  readonly remedy: string;
  /** Whether it is known to let through, or to deny, what it does not mean to. */
  readonly breaks: boolean;
  /** The Helm value that a policy needs to be taken: `nodeSelectorLabels=true`. */
  readonly missingValue?: string;
  /** Steps of a JSON patch of the policy that put it right. */
  readonly patch?: readonly Json[];
}

/** A policy's specs with their models. */
export const specsOf = (cluster: PolicyCluster, policy: UserPolicy): readonly SpecModel[] =>
  modelPolicies(cluster.name, [policy]);

/** A rule of a spec, in its list. */
export interface PlacedRule {
  readonly rule: Json;
  /** `spec.ingress[0]`. */
  readonly path: string;
  readonly list: "ingress" | "ingressDeny" | "egress" | "egressDeny";
  readonly direction: "ingress" | "egress";
}

const lists = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;

export const placedRules = ({ path, spec }: Spec): PlacedRule[] =>
  lists.flatMap((list) =>
    listOf(spec[list]).map(
      (rule, i): PlacedRule => ({
        ...{ rule, list, path: `${path}.${list}[${i}]` },
        direction: list.startsWith("ingress") ? "ingress" : "egress",
      }),
    ),
  );

/** One spec in place of another with the same subject. */
interface Replaced {
  readonly of: Spec;
  readonly by: ModelPolicy;
}

/** The policies that may select a pod: each is asked about with many others, and few select it. */
const selectingOf = oncePer((clusters: readonly PolicyCluster[]) => {
  const all = clusters.flatMap((c) => modelPolicies(c.name, c.policies));
  return oncePer((pod: ModelPod) =>
    all.filter(({ model }) => model.cluster === pod.cluster && perhaps(() => selectsSubject(model, pod))),
  );
});

/** What the policies of all clusters say of a connection. */
export function verdicts(
  clusters: readonly PolicyCluster[],
  replaced?: Replaced,
): (connection: Connection) => PolicyVerdict["verdict"] {
  const selecting = selectingOf(clusters);
  const of = (name: string): PolicyCluster | undefined => clusters.find((c) => c.name === name);
  return (connection) => {
    const models = new Set([...selecting(connection.to), ...selecting(connection.from)]);
    return policySays(
      [...models].map((m) => (m.of === replaced?.of ? replaced.by : m.model)),
      connection,
      (name) => of(name)?.isLocal === true,
      (name) => of(name)?.enforcement ?? "default",
    ).verdict;
  };
}

/** Numbers of ports that a rule is about; none where it is about all, or names some that the server has not. */
export function portsIn(rule: Json, server: MeshPod): readonly PodPort[] {
  const entries = [...listOf(rule.toPorts).flatMap((e) => listOf(e.ports)), ...listOf(rule.ports)];
  return entries.flatMap(({ port, protocol }): PodPort[] => {
    const number = Number(port);
    const found = Number.isInteger(number) ? number : server.model.portNames?.[String(port)];
    return found === undefined || found === 0
      ? []
      : [{ port: found, protocol: String(protocol).toUpperCase() === "UDP" ? "UDP" : "TCP" }];
  });
}

/** The same, else those of the server, else any. */
export function portsOf({ rule }: PlacedRule, server: MeshPod): readonly PodPort[] {
  const numbers = portsIn(rule, server);
  if (numbers.length > 0) return numbers;
  return server.ports.length > 0 ? server.ports : [{ port: 80, protocol: "TCP" }];
}

/** For policies, pods with the same labels are alike. */
const alike = <P extends MeshPod>(pods: readonly P[]): readonly (readonly [P, ...P[]])[] =>
  [...Map.groupBy(pods, ({ model, ports }) => JSON.stringify([model, ports])).values()] as [P, ...P[]][];

/**
 * Pods of two sides between which something is so, with all that are alike. Every kind of pods is asked about, because the
 * last one may be the only one; a pair whose two kinds are both known to have it is not asked again.
 */
export function pairedPods<P extends MeshPod>(
  subjects: readonly MeshPod[],
  peers: readonly P[],
  is: (subject: MeshPod, peer: P) => boolean,
): { readonly subjects: readonly MeshPod[]; readonly peers: readonly P[] } {
  const [own, others] = [alike(subjects), alike(peers)];
  const found = { own: new Set<unknown>(), others: new Set<unknown>() };
  for (const s of own)
    for (const p of others) {
      // A pod reaches itself, whatever policies say.
      const isItself = s.length === 1 && p.length === 1 && isSame(s[0], p[0]);
      if (isItself || (found.own.has(s) && found.others.has(p)) || !is(s[0], p[0])) continue;
      found.own.add(s);
      found.others.add(p);
    }
  return {
    subjects: own.filter((s) => found.own.has(s)).flatMap((s) => [...s]),
    peers: others.filter((p) => found.others.has(p)).flatMap((p) => [...p]),
  };
}

const isSame = (a: MeshPod, b: MeshPod): boolean =>
  a.title === b.title && a.model.cluster === b.model.cluster;

/** False where a selector has something that the model does not know. */
export function certainly(is: () => boolean): boolean {
  try {
    return is();
  } catch {
    return false;
  }
}

/** True there: what is not understood may select. */
export const perhaps = (is: () => boolean): boolean => !certainly(() => !is());

/** Titles of pods, those of the policy's namespace first. */
export const titlesOf = (pods: readonly MeshPod[], { namespace }: UserPolicy): string[] => {
  const [near, far] = [true, false].map((is) => pods.filter((p) => (p.model.namespace === namespace) === is));
  return [...new Set([...(near ?? []), ...(far ?? [])].map((p) => p.title))];
};
