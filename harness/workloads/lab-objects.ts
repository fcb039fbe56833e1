import type { KubeObject } from "#harness/kube/kube.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import { type Affinity, affinities } from "#harness/model/measurement.ts";
import { annotation, isGlobal, isShared } from "#harness/semantics/annotations.ts";

/** The objects of the lab file for a cluster. */
export function labObjects({ clusters }: LabPlan, cluster: string): readonly KubeObject[] {
  const planned = clusters.find((c) => c.name === cluster);
  const manifests = planned?.kind === "kind" ? planned.manifests : undefined;
  return (manifests ?? []) as readonly unknown[] as KubeObject[];
}

/** A service of the lab file, with its annotations as in Cilium's "Load-balancing & Service Discovery" guide. */
export interface LabService {
  readonly namespace: string;
  readonly name: string;
  readonly global: boolean;
  readonly shared: boolean;
  readonly affinity: Affinity;
  readonly selector: Readonly<Record<string, string>>;
  /** The first TCP port, and its target: a number, or the name of a container port. */
  readonly port: number;
  readonly targetPort: number | string;
}

/** Services that can be reached over TCP at an address of their own. */
export function labServices(objects: readonly KubeObject[]): LabService[] {
  return objects
    .filter((o) => o.kind === "Service" && o.spec?.clusterIP !== "None" && o.spec?.selector !== undefined)
    .flatMap((o) => {
      const a = o.metadata.annotations ?? {};
      const ports = (o.spec.ports ?? []) as {
        port: number;
        protocol?: string;
        targetPort?: number | string;
      }[];
      const tcp = ports.find((p) => (p.protocol ?? "TCP") === "TCP");
      if (tcp === undefined) return [];
      const affinity = (a[annotation.affinity] ?? a[annotation.oldAffinity] ?? "none").toLowerCase();
      return [
        {
          namespace: o.metadata.namespace ?? "default",
          name: o.metadata.name,
          global: isGlobal(a),
          // Cilium ignores the annotation of a service that is not global.
          shared: !isGlobal(a) || isShared(a),
          affinity: affinities.find((known) => known === affinity) ?? "none",
          selector: o.spec.selector as Record<string, string>,
          port: tcp.port,
          targetPort: tcp.targetPort ?? tcp.port,
        },
      ];
    });
}
