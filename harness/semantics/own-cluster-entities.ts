// The rule of diagnose's policy-own-cluster-only for the entity `cluster`, by what files say of workloads and services.
import { shortList } from "#harness/lib/short-list.ts";
import type { UserPolicy } from "#harness/model/what-if.ts";
import {
  entityRules,
  type Judging,
  type OwnClusterSelector,
  type SpecModel,
  shutsOut,
} from "./own-cluster-selectors.ts";
import {
  certainly,
  type MeshPod,
  type PolicyCluster,
  type PolicyProblem,
  perhaps,
  specsOf,
} from "./policy-clusters.ts";
import { clusterKey, selectsSubject } from "./policy-model.ts";

/** A global service as a file has it. */
export interface GlobalService {
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly isShared: boolean;
  readonly isHeadless: boolean;
  /** Where its backends listen: a number, or the name of a port of theirs. */
  readonly ports: readonly { readonly target: number | string; readonly protocol: "TCP" | "UDP" }[];
}

interface WithServices {
  readonly cluster: PolicyCluster;
  readonly services: readonly GlobalService[];
}

/** Pods of one side that a rule keeps from backends of the other. */
interface Hit {
  readonly path: string;
  readonly direction: "ingress" | "egress";
  readonly other: string;
  readonly service: string;
  readonly clients: readonly string[];
}

/** Policies that let the entity `cluster` through, though a global service brings clients of another cluster there. */
export const ownClusterProblems = (clusters: readonly WithServices[]): PolicyProblem[] =>
  clusters.flatMap((own) =>
    own.cluster.policies
      .filter((policy) => !JSON.stringify(policy.specs).includes(clusterKey))
      .flatMap((policy) => problemsOf(clusters, own, policy)),
  );

function problemsOf(
  clusters: readonly WithServices[],
  own: WithServices,
  policy: UserPolicy,
): PolicyProblem[] {
  const rules = specsOf(own.cluster, policy).flatMap((spec) => entityRules(spec, policy));
  if (rules.length === 0) return [];
  const hits = rules.flatMap((one) =>
    clusters.filter((c) => c !== own).flatMap((other) => hitsOf(one, { own, other, all: clusters })),
  );
  return (["ingress", "egress"] as const).flatMap((direction) => {
    const of = hits.filter((h) => h.direction === direction);
    return of.length === 0 ? [] : [problemOf(own.cluster.name, policy, of)];
  });
}

interface Between {
  readonly own: WithServices;
  readonly other: WithServices;
  readonly all: readonly WithServices[];
}

/** Ingress: the policy's cluster has the backends, and the other one the clients. Egress: the other way round. */
function hitsOf(one: OwnClusterSelector, between: Between): Hit[] {
  const { own, other } = between;
  const { direction } = one.selector;
  const [server, client] = direction === "ingress" ? [own, other] : [other, own];
  const isSubject = ({ model }: MeshPod): boolean => certainly(() => selectsSubject(one.model, model));
  return server.services.flatMap((service): Hit[] => {
    const twin = client.services.find((s) => s.namespace === service.namespace && s.name === service.name);
    if (twin === undefined || !service.isShared) return [];
    const backends = distinct(
      server.cluster.pods.filter((p) => isBackend(service, p) && (direction === "egress" || isSubject(p))),
    );
    // The pods of the service itself are its clients only where it stands for each of them.
    const clients = distinct(
      client.cluster.pods.filter(
        (p) => (service.isHeadless || !isBackend(twin, p)) && (direction === "ingress" || isSubject(p)),
      ),
    );
    if (backends.length === 0 || clients.length === 0) return [];
    const isShut = shutsOut(one, judgingOf(between, [...backends, ...clients], one));
    const out = clients.filter((from) =>
      backends.some((to) =>
        portsOf(service, to).some((p) => certainly(() => isShut({ from: from.model, to: to.model, ...p }))),
      ),
    );
    return out.length === 0
      ? []
      : [
          {
            ...{ path: one.selector.path, direction, other: other.cluster.name },
            service: `${service.namespace}/${service.name}`,
            clients: out.map((p) => p.title),
          },
        ];
  });
}

/** With the policies that select one of these pods: of a large cluster they are few. */
function judgingOf({ own, other, all }: Between, pods: readonly MeshPod[], one: OwnClusterSelector): Judging {
  const selecting = ({ cluster }: WithServices): SpecModel[] =>
    cluster.policies
      .flatMap((p) => specsOf(cluster, p))
      .filter(
        ({ of, model }) =>
          of === one.of ||
          pods.some((p) => p.model.cluster === cluster.name && perhaps(() => selectsSubject(model, p.model))),
      );
  const of = (name: string): PolicyCluster | undefined => all.find((c) => c.cluster.name === name)?.cluster;
  return {
    cluster: own.cluster.name,
    policies: selecting(own),
    other: other.cluster.name,
    otherPolicies: selecting(other),
    defaultsToLocal: (name) => of(name)?.isLocal === true,
    enforcementOf: (name) => of(name)?.enforcement ?? "default",
  };
}

/** For policies, pods with the same labels and ports are alike. */
const distinct = (pods: readonly MeshPod[]): MeshPod[] => [
  ...new Map(pods.map((p) => [JSON.stringify([p.model, p.ports]), p])).values(),
];

const isBackend = ({ namespace, selector }: GlobalService, { model, labels }: MeshPod): boolean =>
  model.namespace === namespace &&
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([key, value]) => labels[key] === value);

const portsOf = ({ ports }: GlobalService, { model }: MeshPod) =>
  ports.flatMap(({ target, protocol }) => {
    const port = typeof target === "number" ? target : model.portNames?.[target];
    return port === undefined ? [] : [{ port, protocol }];
  });

function problemOf(cluster: string, policy: UserPolicy, hits: readonly Hit[]): PolicyProblem {
  const isIngress = hits[0]?.direction === "ingress";
  const others = [...new Set(hits.map((h) => h.other))];
  const far = others.join(" and ");
  const services = shortList([...new Set(hits.map((h) => h.service))], 3);
  const clients = shortList([...new Set(hits.flatMap((h) => h.clients))], 3);
  const places = [...new Set(hits.map((h) => h.path))].join(" and ");
  const effect = isIngress
    ? `pods of ${far} (${clients}) are shut out of ${cluster}'s backends of global service ${services}`
    : `the pods of ${cluster} that it is about (${clients}) do not reach the backends of ${far} of global service ${services}`;
  return {
    ...{ cluster, policy, breaks: false },
    problem: `lets the entity "cluster" through in ${places}, which means ${cluster} only: ${effect}`,
    remedy: `if pods of ${far} are meant too, add a rule beside it with ${isIngress ? "fromEndpoints" : "toEndpoints"} that selects ${clusterKey} In (${[cluster, ...others].join(", ")})`,
  };
}
