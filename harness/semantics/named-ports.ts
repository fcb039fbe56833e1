import { isMapping, mappingsIn, valueAt } from "#harness/lib/value-at.ts";
import { crosses } from "#harness/lib/version.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";

/** The numbers that pods of a mesh give to a protocol's port of a name: `TCP http` to 8080 and 8081. */
type PortNumbers = ReadonlyMap<string, ReadonlySet<number>>;

const keyOf = (protocol: string, name: string): string => `${protocol} ${name}`;
const textOf = (value: unknown, absent: string): string =>
  typeof value === "string" && value !== "" ? value : absent;

/** A pod or a job that ended, or a workload without pods, such as the ReplicaSet before a rollout. */
const hasNoPods = (object: Readonly<Record<string, unknown>>): boolean =>
  ["Succeeded", "Failed"].includes(String(valueAt(object, "status.phase"))) ||
  valueAt(object, "spec.replicas") === 0 ||
  valueAt(object, "spec.suspend") === true ||
  (valueAt(object, "status.completionTime") ?? null) !== null;

/** Of pods, and of workloads by their template. A pod with hostNetwork has no endpoint. */
export function portNumbers(objects: readonly Readonly<Record<string, unknown>>[]): PortNumbers {
  const numbers = new Map<string, Set<number>>();
  for (const object of objects) {
    const spec = ["spec.jobTemplate.spec.template.spec", "spec.template.spec", "spec"]
      .map((path) => valueAt(object, path))
      .find((at) => at !== undefined);
    if (!isMapping(spec) || spec.hostNetwork === true || hasNoPods(object)) continue;
    const ports = mappingsIn(spec.containers).flatMap((c) => mappingsIn(c.ports));
    for (const { name, containerPort, protocol } of ports)
      if (typeof name === "string" && name !== "" && Number.isInteger(Number(containerPort))) {
        const key = keyOf(textOf(protocol, "TCP"), name);
        numbers.set(key, (numbers.get(key) ?? new Set<number>()).add(Number(containerPort)));
      }
  }
  return numbers;
}

/** A rule of egress that means a port by its name. */
interface NamedRule {
  readonly denies: boolean;
  readonly port: string;
  readonly protocols: readonly string[];
}

const protocols: readonly string[] = ["TCP", "UDP", "SCTP"];
const isName = (port: unknown): port is string => typeof port === "string" && !/^\d*$/.test(port);

/** Of both kinds of policies: `ports` stand in `toPorts` of Cilium's. */
function namedRules({ kind, specs }: UserPolicy): NamedRule[] {
  const isKubernetes = kind === "NetworkPolicy";
  return specs.flatMap(({ spec }) =>
    ["egress", "egressDeny"].flatMap((direction) =>
      mappingsIn(spec[direction])
        .flatMap((rule) => (isKubernetes ? [rule] : mappingsIn(rule.toPorts)))
        .flatMap((entry) => mappingsIn(entry.ports))
        .flatMap(({ port, protocol }): NamedRule[] => {
          if (!isName(port)) return [];
          const is = textOf(protocol, isKubernetes ? "TCP" : "ANY").toUpperCase();
          return [{ denies: direction === "egressDeny", port, protocols: is === "ANY" ? protocols : [is] }];
        }),
    ),
  );
}

interface Move {
  readonly from: string;
  readonly to: string;
}

/** 1.20.0 is the first release that takes several. */
const first = "1.20.0";
const source =
  "CHANGELOG.md, v1.20.0: Different named port numbers for a name from multiple pods are now honored; pkg/types/portmap.go:211 of 1.19.7";

/** Whether a move changes what a name with several numbers means. */
const changesNames = ({ from, to }: Move): boolean =>
  crosses({ from, to }, first) || crosses({ from: to, to: from }, first);

const titleOf = ({ kind, namespace, name }: UserPolicy): string =>
  `${kind} ${namespace === "" ? name : `${namespace}/${name}`}`;

/** The names that policies use in egress, where a move may change what they mean. */
export const namesInEgress = (policies: readonly UserPolicy[], move: Move): string[] =>
  changesNames(move) ? [...new Set(policies.flatMap(namedRules).map((rule) => rule.port))] : [];

/**
 * Rules of egress with a port's name to which pods give several numbers. Agents before 1.20 look at the pods of all
 * clusters that they know, whoever the rule is about, and skip the rule; from 1.20 on the numbers of the rule's own pods
 * count.
 */
export function namedPortFindings(
  policies: readonly UserPolicy[],
  move: Move,
  numbers: PortNumbers,
): CertificateFinding[] {
  if (!changesNames(move)) return [];
  return policies.flatMap((policy) => {
    const rules = namedRules(policy).flatMap((rule) => {
      const several = rule.protocols
        .map((protocol) => [...(numbers.get(keyOf(protocol, rule.port)) ?? [])].toSorted((a, b) => a - b))
        .filter((n) => n.length > 1);
      return several.map((n) => ({ ...rule, given: n.join(" and ") }));
    });
    const texts = new Map(rules.map((rule) => [JSON.stringify([rule.port, rule.denies, rule.given]), rule]));
    return [...texts.values()].map((rule) => findingOf(policy, rule, crosses(move, first)));
  });
}

function findingOf(
  policy: UserPolicy,
  { port, denies, given }: NamedRule & { readonly given: string },
  isUp: boolean,
): CertificateFinding {
  const does = denies ? "denies" : "allows";
  const change = isUp
    ? `agents before 1.20 skip a rule with such a name, and from 1.20 on it ${does} what it says`
    : `agents before 1.20 skip a rule with such a name, so it no longer ${does} anything`;
  return {
    id: "policy-changes-meaning",
    // What begins to be allowed is what the policy asks for.
    grade: isUp && !denies ? "caution" : "serious",
    message: `${titleOf(policy)} means port ${port} of egress by its name, to which pods of the mesh give the numbers ${given}: ${change} (${source})`,
    remedy: isUp
      ? `see whether ${denies ? "nobody needs what it denies" : "it should allow these ports"}, and write the numbers`
      : "write the numbers in place of the name",
  };
}
