import { shortList } from "#harness/lib/short-list.ts";
import { isMapping } from "#harness/lib/value-at.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import { listOf } from "#harness/semantics/policy-model.ts";
import type { ServiceProblem } from "#harness/semantics/service-definitions.ts";
import { at } from "./values-at.ts";

/** Of the Gateway API; a route of Traefik or OpenShift has another group. */
const routeKinds: readonly string[] = ["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/**
 * Routes to a Service that only another cluster has: an Ingress and a route find a Service of their own cluster, and
 * Cilium joins backends of others to one that is there (global-services.rst@1.20.2). The files may not be all.
 */
export function routesToOthers(clusters: readonly SourceCluster[]): ServiceProblem[] {
  const keysOf = new Map(clusters.map((c) => [c, new Set(c.services.map(keyOf))]));
  return clusters.flatMap((c) => {
    const own = keysOf.get(c);
    if (own === undefined || own.size === 0) return [];
    const routes = c.others.flatMap((o) => servicesOf(o).map((service) => ({ service, route: nameOf(o) })));
    const absent = Map.groupBy(
      routes.filter(({ service }) => !own.has(service)),
      ({ service }) => service,
    );
    return [...absent].flatMap(([service, naming]): ServiceProblem[] => {
      const having = clusters.filter((o) => keysOf.get(o)?.has(service) === true).map((o) => o.name);
      if (having.length === 0) return [];
      const names = [...new Set(naming.map(({ route }) => route))];
      return [
        {
          cluster: c.name,
          service,
          problem: `${shortList(names, 3)} of ${c.name} sends requests to it, and only ${having.join(" and ")} has it: ${c.name} needs the Service too, global in both, to use backends of ${having.join(" and ")}`,
          matters: "perhaps",
        },
      ];
    });
  });
}

const keyOf = ({ metadata }: SourceObject): string => `${metadata.namespace ?? "default"}/${metadata.name}`;
const nameOf = (o: SourceObject): string => `${o.kind} ${keyOf(o)}`;

/** `namespace/name` of every Service that a route sends requests to. */
function servicesOf(o: SourceObject): string[] {
  const own = o.metadata.namespace ?? "default";
  if (o.kind === "Ingress") return ingressBackends(o).map((name) => `${own}/${name}`);
  const isRoute = routeKinds.includes(o.kind ?? "") && o.apiVersion?.startsWith("gateway.networking.k8s.io/");
  if (isRoute !== true) return [];
  return listOf(o.spec?.rules)
    .flatMap((rule) => [
      ...listOf(rule.backendRefs),
      ...listOf(listOf(rule.filters).map((f) => at(f, "requestMirror.backendRef"))),
    ])
    .filter(({ group, kind }) => (group ?? "") === "" && (kind ?? "Service") === "Service")
    .flatMap(({ namespace, name }) => (typeof name === "string" ? [`${namespace ?? own}/${name}`] : []));
}

/** Of `networking.k8s.io/v1`. */
const ingressBackends = ({ spec }: SourceObject): string[] =>
  [
    spec?.defaultBackend,
    ...listOf(spec?.rules).flatMap((rule) => listOf(at(rule, "http.paths")).map((path) => path.backend)),
  ].flatMap((backend: unknown) => {
    const name = isMapping(backend) ? at(backend, "service.name") : undefined;
    return typeof name === "string" ? [name] : [];
  });
