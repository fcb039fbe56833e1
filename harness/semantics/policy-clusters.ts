// The clusters of a mesh with what policies decide by: pods, the addresses that they may have, and the policies.
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
} from "./policy-model.ts";

export type Json = Readonly<Record<string, unknown>>;
type Spec = UserPolicy["specs"][number];

interface PodPort {
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

/** One spec in place of another. */
interface Replaced {
  readonly of: Spec;
  readonly by: ModelPolicy;
}

/** What the policies of all clusters say of a connection. */
export function verdicts(
  clusters: readonly PolicyCluster[],
  replaced?: Replaced,
): (connection: Connection) => PolicyVerdict["verdict"] {
  const all = clusters.flatMap((c) => modelPolicies(c.name, c.policies));
  const models = all.map(({ of, model }) => (of === replaced?.of ? replaced.by : model));
  const of = (name: string): PolicyCluster | undefined => clusters.find((c) => c.name === name);
  return (connection) =>
    policySays(
      models,
      connection,
      (name) => of(name)?.isLocal === true,
      (name) => of(name)?.enforcement ?? "default",
    ).verdict;
}

/** A few ports show what a rule does. */
const mostPorts = 4;

/** Numbers of ports that a rule is about, else those of the server, else any. */
export function portsOf({ rule }: PlacedRule, server: MeshPod): readonly PodPort[] {
  const entries = [...listOf(rule.toPorts).flatMap((e) => listOf(e.ports)), ...listOf(rule.ports)];
  const numbers = entries.flatMap(({ port, protocol }): PodPort[] => {
    const number = Number(port);
    const found = Number.isInteger(number) ? number : server.model.portNames?.[String(port)];
    return found === undefined || found === 0
      ? []
      : [{ port: found, protocol: String(protocol).toUpperCase() === "UDP" ? "UDP" : "TCP" }];
  });
  if (numbers.length > 0) return numbers.slice(0, mostPorts);
  return server.ports.length > 0 ? server.ports.slice(0, mostPorts) : [{ port: 80, protocol: "TCP" }];
}

/** For policies, pods with the same labels are alike. */
const alike = <P extends MeshPod>(pods: readonly P[]): readonly (readonly [P, ...P[]])[] =>
  [...Map.groupBy(pods, ({ model, ports }) => JSON.stringify([model, ports])).values()] as [P, ...P[]][];

/** Each pair of kinds costs a verdict of all policies; so many on a side show what a rule does. */
const mostKinds = 30;

/** Pods of two sides between which something is so, with all that are alike. */
export function pairedPods<P extends MeshPod>(
  subjects: readonly MeshPod[],
  peers: readonly P[],
  is: (subject: MeshPod, peer: P) => boolean,
): { readonly subjects: readonly MeshPod[]; readonly peers: readonly P[] } {
  const [own, others] = [alike(subjects).slice(0, mostKinds), alike(peers).slice(0, mostKinds)];
  const pairs = own.flatMap((s) =>
    others
      // A pod reaches itself, whatever policies say.
      .filter((p) => !(s.length === 1 && p.length === 1 && isSame(s[0], p[0])) && is(s[0], p[0]))
      .map((p) => ({ s, p })),
  );
  return {
    subjects: own.filter((s) => pairs.some((pair) => pair.s === s)).flatMap((s) => [...s]),
    peers: others.filter((p) => pairs.some((pair) => pair.p === p)).flatMap((p) => [...p]),
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

/** Titles of pods, those of the policy's namespace first. */
export const titlesOf = (pods: readonly MeshPod[], { namespace }: UserPolicy): string[] => {
  const [near, far] = [true, false].map((is) => pods.filter((p) => (p.model.namespace === namespace) === is));
  return [...new Set([...(near ?? []), ...(far ?? [])].map((p) => p.title))];
};
