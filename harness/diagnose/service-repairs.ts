// Commands to paste that make the definitions of a service fit each other.
import type { ClusterSnapshot, MeshSnapshot, ServiceState } from "#harness/model/mesh-snapshot.ts";
import type { SharedPort } from "#harness/model/shared-state.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { isHeadless } from "#harness/semantics/cluster-objects.ts";
import { known, kubectl } from "./parts.ts";
import { inCluster, patch } from "./repairs.ts";

/** A service in one cluster. */
export interface ServiceSide {
  readonly cluster: ClusterSnapshot;
  readonly service: ServiceState;
}

/** Sets marks of a service to true. */
export const marked = ({ cluster, service }: ServiceSide, ...keys: readonly string[]): string =>
  inCluster(
    kubectl(
      service.namespace,
      ...["annotate", "--overwrite", `service/${service.name}`, ...keys.map((key) => `${key}=true`)],
    ),
    cluster,
  );

/** The marks by which a service says that it does not share. */
export const sharedKeys = ({ annotations }: ServiceState): string[] =>
  [annotation.shared, annotation.oldShared].filter((key) => annotations[key] !== undefined);

/** Names ports of a service as their twins of another cluster are named; by number, so that nothing else changes. */
export function namedPorts(
  { cluster, service }: ServiceSide,
  renamed: readonly { readonly p: SharedPort; readonly twin: SharedPort }[],
): string {
  const steps = renamed.flatMap(({ p, twin }) => {
    const path = `/spec/ports/${(service.ports ?? []).indexOf(twin)}`;
    return [
      { op: "test", path: `${path}/port`, value: twin.port },
      { op: "add", path: `${path}/name`, value: p.name },
    ];
  });
  const command = kubectl(
    service.namespace,
    ...["patch", `service/${service.name}`, "--type", "json", "-p", JSON.stringify(steps)],
  );
  return inCluster(command, cluster);
}

/** The same service in a cluster that lacks it; undefined where its target ports are not known, or it has no address. */
export function copied({ cluster: from, service }: ServiceSide, to: ClusterSnapshot): string | undefined {
  const { namespace, name, selector, ports = [], type } = service;
  if (isHeadless(service) || type === "ExternalName" || Object.keys(selector).length === 0) return undefined;
  const targets = known(from.slices)
    .filter((s) => !s.mirrored && s.namespace === namespace && s.service === name)
    .flatMap((s) => s.ports);
  const whole = ports.flatMap((p) => {
    const target = targets.find((t) => t.name === p.name && t.protocol === p.protocol);
    if (target === undefined) return [];
    return [
      {
        ...(p.name === "" ? {} : { name: p.name }),
        port: p.port,
        protocol: p.protocol,
        targetPort: target.port,
      },
    ];
  });
  const [first] = whole;
  if (first === undefined || whole.length < ports.length) return undefined;
  // `kubectl create` counts no name after `--`, so one that begins like an option gets no command.
  if ([namespace, name].some((n) => !/^[a-z0-9]/.test(n))) return undefined;
  const marks = Object.entries(service.annotations).filter(([key]) =>
    Object.values<string>(annotation).includes(key),
  );
  const change = { metadata: { annotations: Object.fromEntries(marks) }, spec: { selector, ports: whole } };
  const lacksNamespace = to.namespaces?.ok === true && !to.namespaces.value.some((n) => n.name === namespace);
  const commands = [
    ...(lacksNamespace ? [kubectl("", "create", "namespace", namespace)] : []),
    kubectl(namespace, "create", "service", "clusterip", name, `--tcp=${first.port}`),
    patch(namespace, `service/${name}`, change),
  ];
  return commands.map((c) => inCluster(c, to)).join("; ");
}

/** Every side of a service, in the order of the clusters. */
export const sidesOf = (mesh: MeshSnapshot): ReadonlyMap<string, ServiceSide[]> =>
  Map.groupBy(
    mesh.clusters.flatMap((cluster) => known(cluster.services).map((service) => ({ cluster, service }))),
    ({ service }) => `${service.namespace}/${service.name}`,
  );
