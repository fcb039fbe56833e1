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

export interface LabServicePort {
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
  /** A number, or the name of a container port. */
  readonly targetPort: number | string;
}

/** A service of the lab file, with its annotations as in Cilium's "Load-balancing & Service Discovery" guide. */
export interface LabService {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly global: boolean;
  readonly shared: boolean;
  readonly affinity: Affinity;
  readonly selector: Readonly<Record<string, string>>;
  /** TCP and UDP. */
  readonly ports: readonly LabServicePort[];
  /** Each client keeps its backend. */
  readonly sticky: boolean;
  /** `internalTrafficPolicy: Local`: of its own cluster, only backends on the client's node. */
  readonly nodeLocal: boolean;
  /** Has no address of its own: its name stands for its pods. */
  readonly headless: boolean;
}

/** A service that no client can be sent to, or a part of one, and the reason. */
export interface NotAsked {
  readonly service: string;
  readonly why: string;
}

interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly selector?: Readonly<Record<string, string>> | null;
  readonly ports?: readonly { port: number; protocol?: string; targetPort?: number | string }[];
  readonly sessionAffinity?: string;
  readonly internalTrafficPolicy?: string;
  readonly externalTrafficPolicy?: string;
}

const asked = ["TCP", "UDP"] as const;
const specOf = (o: KubeObject): ServiceSpec => (o.spec ?? {}) as ServiceSpec;
const hasSelector = ({ selector }: ServiceSpec): boolean => Object.keys(selector ?? {}).length > 0;

/** Services that have backends of their own, with a port of TCP or UDP or a name for their pods. */
export function labServices(objects: readonly KubeObject[]): LabService[] {
  return objects
    .filter((o) => o.kind === "Service" && specOf(o).type !== "ExternalName" && hasSelector(specOf(o)))
    .flatMap((o) => {
      const a = o.metadata.annotations ?? {};
      const spec = specOf(o);
      const ports = (spec.ports ?? []).flatMap(
        ({ port, targetPort = port, protocol = "TCP" }): LabServicePort[] => {
          const known = asked.find((p) => p === protocol);
          return known === undefined ? [] : [{ port, targetPort, protocol: known }];
        },
      );
      const headless = spec.clusterIP === "None";
      if (ports.length === 0 && !headless) return [];
      const affinity = (a[annotation.affinity] ?? a[annotation.oldAffinity] ?? "none").toLowerCase();
      return [
        {
          namespace: o.metadata.namespace ?? "default",
          name: o.metadata.name,
          annotations: a,
          global: isGlobal(a),
          // Cilium ignores the annotation of a service that is not global.
          shared: !isGlobal(a) || isShared(a),
          affinity: affinities.find((known) => known === affinity) ?? "none",
          selector: spec.selector ?? {},
          ports,
          sticky: spec.sessionAffinity === "ClientIP",
          nodeLocal: spec.internalTrafficPolicy === "Local",
          headless,
        },
      ];
    });
}

/** Services of the lab file, and parts of them, that no suite asks. */
export function servicesNotAsked(objects: readonly KubeObject[]): NotAsked[] {
  return objects
    .filter((o) => o.kind === "Service")
    .flatMap((o): NotAsked[] => {
      const spec = specOf(o);
      const service = `${o.metadata.namespace ?? "default"}/${o.metadata.name}`;
      if (spec.type === "ExternalName") return [{ service, why: "ExternalName: a name outside the mesh" }];
      if (!hasSelector(spec)) return [{ service, why: "no selector: its backends are written by hand" }];
      const others = (spec.ports ?? []).filter(({ protocol = "TCP" }) => !asked.some((p) => p === protocol));
      return [
        ...others.map(({ port, protocol }) => ({ service, why: `port ${port}: ${protocol} is not asked` })),
        ...(spec.externalTrafficPolicy === "Local"
          ? [{ service, why: "externalTrafficPolicy Local: clients outside the cluster are not asked" }]
          : []),
      ];
    });
}
