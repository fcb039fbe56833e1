import type { Finding } from "#harness/model/finding.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { isGlobal } from "#harness/semantics/annotations.ts";
import { creationCause } from "#harness/semantics/pod-start.ts";
import { findingOf } from "./catalogue/index.ts";
import { meshServicesIn } from "./mesh-services.ts";
import { ciliumNamespace, known, kubectl } from "./parts.ts";
import { eventsOf, nextFor } from "./pod-start.ts";
import { readyBackends } from "./services.ts";

type Workload = Extract<ClusterSnapshot["workloads"], { readonly ok: true }>["value"][number];

interface Lacking {
  readonly workload: Workload;
  /** Whether Cilium itself lacks them, or clients of a service of the mesh have no backend here. */
  readonly isBroken: boolean;
}

/** Workloads of Cilium, and of namespaces with services that the mesh joins, that have fewer pods than they should. */
export function lackingPods(mesh: MeshSnapshot, cluster: ClusterSnapshot): Lacking[] {
  const own = ciliumNamespace(cluster);
  return known(cluster.workloads).flatMap((workload) => {
    // Those that are there and not ready have another cause.
    if (workload.ready >= workload.desired || podsOf(cluster, workload) >= workload.desired) return [];
    if (workload.namespace === own) return isCiliums(workload) ? [{ workload, isBroken: true }] : [];
    if (meshServicesIn(mesh, workload.namespace).length === 0) return [];
    return [{ workload, isBroken: hasDeadService(cluster, workload.namespace) }];
  });
}

/** By the names of the chart. */
export const isCiliums = ({ name }: Pick<Workload, "name">): boolean =>
  /^(?:cilium|clustermesh-apiserver)(?:-|$)/.test(name);

function podsOf(cluster: ClusterSnapshot, { kind, namespace, name }: Workload): number {
  // As their controllers name them.
  const suffix = kind === "DaemonSet" ? /^-[a-z0-9]{5}$/ : /^-[a-z0-9]{1,10}-[a-z0-9]{5}$/;
  return known(cluster.pods).filter(
    (p) =>
      p.namespace === namespace &&
      p.ended !== true &&
      !p.ending &&
      p.name.startsWith(name) &&
      suffix.test(p.name.slice(name.length)),
  ).length;
}

/** Whether a global service of a namespace has no ready backend of its own in a cluster. */
const hasDeadService = (cluster: ClusterSnapshot, namespace: string): boolean =>
  known(cluster.services).some(
    (service) =>
      service.namespace === namespace &&
      isGlobal(service.annotations) &&
      readyBackends({ cluster, service }) === 0,
  );

/** Backends of services of the mesh that do not exist because nobody may create them. Cilium's are the control plane's. */
export function uncreatedPods(mesh: MeshSnapshot): Finding[] {
  return mesh.clusters.flatMap((cluster) =>
    lackingPods(mesh, cluster).flatMap(({ workload, isBroken }) => {
      const { kind, namespace, name } = workload;
      const cause = creationCause(workload, eventsOf(cluster));
      if (cause === undefined || namespace === ciliumNamespace(cluster)) return [];
      return [
        findingOf("workload-pod-cannot-start", {
          severity: isBroken ? "broken" : "suspect",
          cluster: cluster.name,
          subject: `${kind} ${namespace}/${name} of ${cluster.name}`,
          message: `a pod of ${kind} ${namespace}/${name} of ${cluster.name} cannot be created (${workload.ready} of ${workload.desired} ready): it ${cause.what}`,
          next:
            cause.missing === undefined
              ? kubectl(namespace, "get", "events", "--field-selector", "reason=FailedCreate")
              : nextFor(cluster, cause, workload),
        }),
      ];
    }),
  );
}
