// Selectors of policies that name no cluster, and what it changes if they did.
import { isMapping } from "#harness/lib/value-at.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import type { OpenSelector } from "./cluster-selectors.ts";
import {
  type Connection,
  clusterKey,
  type Enforcement,
  keysOf,
  listOf,
  type ModelPolicy,
  policySays,
  proxyKeys,
  type Selector,
} from "./policy-model.ts";

type Spec = UserPolicy["specs"][number];
type Json = Readonly<Record<string, unknown>>;
type Steps = readonly (string | number)[];

/** `spec.ingress[0].fromEndpoints[0]` as its steps. */
const stepsOf = (path: string): Steps =>
  [...path.matchAll(/[^.[\]]+/g)].map(([step]) => (/^\d+$/.test(step) ? Number(step) : step));

const valueAtSteps = (value: unknown, steps: Steps): unknown =>
  steps.reduce<unknown>((at, step) => {
    if (typeof step === "number") return Array.isArray(at) ? at[step] : undefined;
    return isMapping(at) ? at[step] : undefined;
  }, value);

/** One spec of a policy, and how `policySays` takes it. */
export interface SpecModel {
  readonly of: Spec;
  readonly model: ModelPolicy;
}

/** What means pods of the own cluster only: a selector without a cluster label, or the entity `cluster`, in its policy. */
export interface OwnClusterSelector extends SpecModel {
  readonly policy: UserPolicy;
  readonly selector: OpenSelector;
  /** The key of the rule that holds selectors of pods, beside the entity. */
  readonly besideEntity?: "fromEndpoints" | "toEndpoints";
  /** It stands for a service of `toServices`, where no label can be added. */
  readonly ofService?: true;
}

const entityKeys = [
  ["ingress", "fromEntities", "fromEndpoints"],
  ["egress", "toEntities", "toEndpoints"],
] as const;

/**
 * The rules of a spec that let the entity `cluster` through: it means endpoints of the own cluster only
 * (cilium#26879; pkg/policy/api/entity.go), whatever the default for selectors is.
 */
export const entityRules = ({ of, model }: SpecModel, policy: UserPolicy): OwnClusterSelector[] =>
  entityKeys.flatMap(([direction, entities, besideEntity]) =>
    listOf(of.spec[direction]).flatMap((rule, i): OwnClusterSelector[] =>
      Array.isArray(rule[entities]) && rule[entities].includes("cluster")
        ? [
            {
              ...{ of, model, policy, besideEntity },
              selector: {
                path: `${of.path}.${direction}[${i}].${entities}`,
                ...{ direction, verdict: "allow", peers: "pods", matches: () => true },
              },
            },
          ]
        : [],
    ),
  );

/** From the spec to the peer: the selector, or what holds a NetworkPolicy's. */
const peerSteps = ({ of, selector }: OwnClusterSelector): Steps =>
  stepsOf(selector.path).slice(stepsOf(of.path).length);

/** From the spec to the list of its rule, and to the rule: `ingress`, `ingress[0]`. */
const ruleList = (one: OwnClusterSelector): Steps => peerSteps(one).slice(0, 1);
const ruleSteps = (one: OwnClusterSelector): Steps => peerSteps(one).slice(0, 2);

/** The selector, or what holds a NetworkPolicy's. */
export const peerOf = (one: OwnClusterSelector): unknown => valueAtSteps(one.of.spec, peerSteps(one));

/**
 * Cilium refuses a rule with entities or services and endpoints together (pkg/policy/api/rule_validation.go), so it is
 * one more.
 */
function ruleBeside(one: OwnClusterSelector, clusters: readonly string[]): Json {
  const rule = valueAtSteps(one.of.spec, ruleSteps(one));
  const { toPorts, icmps } = (isMapping(rule) ? rule : {}) as Json;
  const ofService = one.ofService === true ? peerOf(one) : undefined;
  const peer = { ...(isMapping(ofService) ? ofService : {}), matchExpressions: [inClusters(clusters)] };
  return {
    [one.besideEntity ?? (one.ofService === true ? "toEndpoints" : "fromEndpoints")]: [peer],
    ...(toPorts === undefined ? {} : { toPorts }),
    ...(icmps === undefined ? {} : { icmps }),
  };
}

/** From the spec to the selector of pods. */
const selectorSteps = (one: OwnClusterSelector): Steps =>
  one.policy.kind === "NetworkPolicy" ? [...peerSteps(one), "podSelector"] : peerSteps(one);

/** Whether it selects by a label of pods or of their namespace, and not every pod. */
export function selectsByLabel(one: OwnClusterSelector): boolean {
  if (one.besideEntity !== undefined) return true;
  const peer = peerOf(one);
  if (!isMapping(peer)) return false;
  const selectors = one.policy.kind === "NetworkPolicy" ? [peer.podSelector, peer.namespaceSelector] : [peer];
  return selectors.some((s) => keysOf((s ?? {}) as Selector).length > 0);
}

const inClusters = (clusters: readonly string[]) => ({
  key: clusterKey,
  operator: "In",
  values: [...clusters],
});

/** A step of a JSON patch that lets the selector select from these clusters. */
export function namingClusters(one: OwnClusterSelector, clusters: readonly string[]): Json {
  if (one.besideEntity !== undefined || one.ofService === true)
    return {
      op: "add",
      path: `/${[...stepsOf(one.of.path), ...ruleList(one)].join("/")}/-`,
      value: ruleBeside(one, clusters),
    };
  const steps = selectorSteps(one);
  const place = `/${[...stepsOf(one.of.path), ...steps].join("/")}`;
  const expression = inClusters(clusters);
  const selector = valueAtSteps(one.of.spec, steps);
  if (!isMapping(selector)) return { op: "add", path: place, value: { matchExpressions: [expression] } };
  return Array.isArray(selector.matchExpressions)
    ? { op: "add", path: `${place}/matchExpressions/-`, value: expression }
    : { op: "add", path: `${place}/matchExpressions`, value: [expression] };
}

function changedAt(value: unknown, [step, ...rest]: Steps, change: (value: unknown) => unknown): unknown {
  if (step === undefined) return change(value);
  if (typeof step === "number")
    return Array.isArray(value) ? value.map((v, i) => (i === step ? changedAt(v, rest, change) : v)) : value;
  const object = isMapping(value) ? value : {};
  return { ...object, [step]: changedAt(object[step], rest, change) };
}

/** The spec with that selector selecting from these clusters. */
const amended = (one: OwnClusterSelector, clusters: readonly string[]): Json =>
  one.besideEntity === undefined
    ? namedIn(one, clusters)
    : (changedAt(one.of.spec, ruleList(one), (rules) => [
        ...(Array.isArray(rules) ? rules : []),
        ruleBeside(one, clusters),
      ]) as Json);

const namedIn = (one: OwnClusterSelector, clusters: readonly string[]): Json =>
  changedAt(one.of.spec, selectorSteps(one), (selector) => {
    const before = isMapping(selector) ? selector : {};
    const { matchExpressions } = before as Selector;
    return { ...before, matchExpressions: [...(matchExpressions ?? []), inClusters(clusters)] };
  }) as Json;

/** Without what a proxy decides on: whom the rules of a lower layer shut out, it never sees. */
function withoutProxies(spec: Json): Json {
  const changed = Object.entries(spec).map(([key, value]) => [
    key,
    /^(?:ingress|egress)(?:Deny)?$/.test(key) ? listOf(value).map(ruleWithoutProxies) : value,
  ]);
  return Object.fromEntries(changed) as Json;
}

const ruleWithoutProxies = (rule: Json): Json =>
  Array.isArray(rule.toPorts)
    ? {
        ...rule,
        toPorts: listOf(rule.toPorts).map((entry) =>
          Object.fromEntries(Object.entries(entry).filter(([key]) => !proxyKeys.includes(key))),
        ),
      }
    : rule;

const modelOf = ({ kind, namespace, name }: UserPolicy, cluster: string, spec: Json): ModelPolicy => ({
  ...{ cluster, kind, namespace, name },
  spec: withoutProxies(spec),
});

/** A cluster's policies as `policySays` takes them. */
export const modelPolicies = (cluster: string, policies: readonly UserPolicy[]): SpecModel[] =>
  policies.flatMap((p) => p.specs.map((of) => ({ of, model: modelOf(p, cluster, of.spec) })));

/** What decides on a connection between two clusters. */
export interface Judging {
  /** The cluster of the selector's policy, and its policies. */
  readonly cluster: string;
  readonly policies: readonly SpecModel[];
  /** The other cluster, and its policies. */
  readonly other: string;
  readonly otherPolicies: readonly SpecModel[];
  readonly defaultsToLocal: (cluster: string) => boolean;
  readonly enforcementOf: (cluster: string) => Enforcement;
}

/** Tells whether a connection is denied for no other reason than that a selector names no cluster. */
export function shutsOut(
  one: OwnClusterSelector,
  { cluster, policies, other, otherPolicies, defaultsToLocal, enforcementOf }: Judging,
): (connection: Connection) => boolean {
  const all = [...policies, ...otherPolicies];
  const now = all.map(({ model }) => model);
  const named = modelOf(one.policy, cluster, amended(one, [cluster, other]));
  const then = all.map(({ of, model }) => (of === one.of ? named : model));
  return (connection) =>
    policySays(now, connection, defaultsToLocal, enforcementOf).verdict === "deny" &&
    policySays(then, connection, defaultsToLocal, enforcementOf).verdict === "allow";
}
