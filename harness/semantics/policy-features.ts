import { isMapping, mappingsIn } from "#harness/lib/value-at.ts";
import { crosses } from "#harness/lib/version.ts";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";

/** Something that a policy may use and that means another thing from a version on. */
interface Feature {
  /** The first release with the new meaning. */
  readonly since: string;
  /** `serious` if absent. */
  readonly grade?: Grade;
  readonly uses: (key: string, value: unknown) => boolean;
  readonly means: string;
  readonly remedy: string;
  /** The same for a move back to before that release; absent where nothing is lost by it, or nobody could write such policies. */
  readonly back?: { readonly means: string; readonly remedy: string };
  /** What cilium-config must have with the older release for the meaning to change. */
  readonly onlyWith?: Readonly<Record<string, string>>;
  /** The setting of cilium-config that decides, and its value with the old meaning. */
  readonly unless?: readonly [setting: string, value: string];
  readonly source: string;
}

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;

const nodes = new Set(["remote-node", "host"]);
const hasNodePort = ({ port, endPort }: Record<string, unknown>): boolean =>
  Number(port) <= 32_767 && Math.max(Number(port), Number(endPort ?? 0)) >= 30_000;

const isToNodes = (rule: unknown): rule is Record<string, unknown> =>
  isMapping(rule) &&
  (isFilled(rule.toNodes) ||
    (Array.isArray(rule.toEntities) && rule.toEntities.some((e) => nodes.has(String(e)))));

/** Egress to nodes at a port of the range from which Kubernetes takes NodePorts by default. */
const reachesNodePort = (rule: unknown): boolean =>
  isToNodes(rule) && mappingsIn(rule.toPorts).some((to) => mappingsIn(to.ports).some(hasNodePort));

/** Egress to nodes at every port, among them NodePorts; not where it allows backends everywhere too. */
const reachesEveryPort = (rule: unknown): boolean =>
  isToNodes(rule) &&
  !(Array.isArray(rule.toEntities) && rule.toEntities.includes("all")) &&
  rule.icmps === undefined &&
  (rule.toPorts === undefined ||
    mappingsIn(rule.toPorts).some(
      (to) => !isFilled(to.ports) || mappingsIn(to.ports).some(({ port }) => Number(port) === 0),
    ));

/** With which a connection of a pod to a NodePort went to the node, before 1.20. */
const balancedAtTheNode = { "kube-proxy-replacement": "true", "bpf-lb-sock-hostns-only": "true" };

/** From the upgrade notes of 1.19 and 1.20, in Documentation/operations of 1.19.7 and 1.20.2. */
const features: readonly Feature[] = [
  {
    since: "1.19.0",
    uses: (key, value) => key === "authentication" && typeof value === "object" && value !== null,
    unless: ["mesh-auth-enabled", "true"],
    means: "asks for authentication, which is off by default: its traffic is let through without",
    remedy: "set authentication.enabled to true; Cilium 1.20 deprecates mutual authentication",
    back: {
      means: "asks for authentication, which is on by default: its traffic is denied without",
      remedy: "set authentication.enabled to false, or see that what it needs runs",
    },
    source: "upgrade notes of 1.19",
  },
  {
    since: "1.19.0",
    uses: (key, value) => key === "matchPattern" && typeof value === "string" && value.startsWith("**."),
    means: "has a DNS pattern that begins with **., which now matches names of several levels",
    remedy: "write *. where one level is meant",
    back: {
      means: "has a DNS pattern that begins with **., which matches names of one level only",
      remedy: "write a pattern for each level that is needed",
    },
    source: "upgrade notes of 1.19",
  },
  {
    since: "1.20.0",
    uses: (key, value) => key === "egress" && Array.isArray(value) && value.some(reachesNodePort),
    onlyWith: balancedAtTheNode,
    means:
      "allows pods to reach nodes at a port of the NodePort range: a connection to a NodePort now leaves the pod to one of its backends, which this rule does not allow",
    remedy:
      "allow egress to the backends of the service too, at their own port, and ingress there from the clients, those of other clusters included",
    back: {
      means:
        "allows pods to reach nodes at a port of the NodePort range: a connection to a NodePort now leaves the pod to the node, which other rules may not allow",
      remedy: "allow egress to the nodes at the NodePort too",
    },
    source: "upgrade notes of 1.20",
  },
  {
    since: "1.20.0",
    // What such a rule is for is not known.
    grade: "caution",
    uses: (key, value) => key === "egress" && Array.isArray(value) && value.some(reachesEveryPort),
    onlyWith: balancedAtTheNode,
    means:
      "allows pods to reach nodes at every port, NodePorts included: a connection to a NodePort now leaves the pod to one of its backends, which this rule does not allow",
    remedy:
      "if pods use NodePorts by it, allow egress to the backends of these services too, at their own port, and ingress there from the clients, those of other clusters included",
    source: "upgrade notes of 1.20",
  },
  {
    since: "1.20.0",
    uses: (key, value) =>
      (key === "kafka" && isFilled(value)) || key === "l7proto" || (key === "l7" && isFilled(value)),
    // `rules` must have `http` or `dns` (client/crds/v2/ciliumnetworkpolicies.yaml:751); without either, all of the port is
    // allowed (L7Rules in pkg/policy/api/l4.go of 1.20.2). An API server reads what it stored by the schema that it has.
    means:
      "has rules for Kafka or for an Envoy Go extension, which the CRDs of Cilium 1.20 do not have: the API server leaves them out of the policy, so the peers of these rules may send anything to their ports, and it refuses the next change of the policy as it is written",
    remedy:
      "decide first who may use the whole port: limit the others in the application itself, such as by ACLs of Kafka, or take their rule out; then remove these rules from the policy",
    source: "upgrade notes of 1.20",
  },
];

function usesBelow(value: unknown, feature: Feature): boolean {
  if (Array.isArray(value)) return value.some((v) => usesBelow(v, feature));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, v]) => feature.uses(key, v) || usesBelow(v, feature));
}

type Config = Readonly<Record<string, string>>;

interface Move {
  readonly from: string;
  readonly to: string;
  /** cilium-config before and after the move. */
  readonly before: Config;
  readonly after: Config;
}

type Versions = Pick<Move, "from" | "to">;

const crossesBack = ({ from, to }: Versions, release: string): boolean =>
  crosses({ from: to, to: from }, release);

/** Whether policies have to be read to judge a move. */
export const needsPolicies = (move: Versions): boolean =>
  features.some(({ since }) => crosses(move, since) || crossesBack(move, since));

/** What a feature means on the other side of a move; undefined if it means the same. */
function changed(
  { since, unless, onlyWith = {}, back, ...up }: Feature,
  move: Move,
): Pick<Feature, "means" | "remedy"> | undefined {
  const isUp = crosses(move, since);
  if (!isUp && !crossesBack(move, since)) return undefined;
  const [newer, older] = isUp ? [move.after, move.before] : [move.before, move.after];
  if (Object.entries(onlyWith).some(([key, is]) => older[key] !== is)) return undefined;
  const [setting, old] = unless ?? [];
  if (setting !== undefined) {
    // The newer version keeps the old meaning, or the older one has the new meaning.
    if (newer[setting] === old || ![old, undefined].includes(older[setting])) return undefined;
  }
  return isUp ? up : back;
}

/** Policies that use what means another thing after the move. */
export const policyFeatureFindings = (policies: readonly UserPolicy[], move: Move): CertificateFinding[] =>
  features.flatMap((feature) => {
    const change = changed(feature, move);
    if (change === undefined) return [];
    return policies
      .filter((p) => p.kind !== "NetworkPolicy" && p.specs.some(({ spec }) => usesBelow(spec, feature)))
      .map((p) => ({
        id: "policy-changes-meaning",
        grade: feature.grade ?? "serious",
        message: `${p.kind} ${p.namespace === "" ? p.name : `${p.namespace}/${p.name}`} ${change.means} (${feature.source})`,
        remedy: change.remedy,
      }));
  });
