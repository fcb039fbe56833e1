import { type KubeObject, kinds } from "#harness/kube/kube.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { Injected, SuiteFault, SuiteFaultContext } from "../fault.ts";
import { backendsWillChange } from "./configuration.ts";
import { clusterAt } from "./victim.ts";

interface ServicePort {
  readonly name?: string;
}

/** The suite's global services in the second cluster. */
async function globalServices(ctx: SuiteFaultContext): Promise<KubeObject[]> {
  const { kube, name } = clusterAt(ctx, 1);
  const services = (await kube.list(kinds.service, ctx.namespace)).filter(({ metadata }) =>
    [annotation.global, annotation.oldGlobal].some(
      (key) => metadata.annotations?.[key]?.toLowerCase() === "true",
    ),
  );
  if (services.length === 0)
    throw new MeshproofError("fault-no-effect", `no service in ${ctx.namespace} of ${name} is global`);
  return services;
}

/** Changes each of these services, whose backends in the BPF maps of some agent must then change. */
async function changed(
  ctx: SuiteFaultContext,
  services: readonly KubeObject[],
  change: (service: KubeObject) => Promise<void>,
): Promise<Injected> {
  const cluster = clusterAt(ctx, 1);
  const names = services.map((s) => s.metadata.name);
  const seen: (() => Promise<void>)[] = [];
  for (const service of services) {
    seen.push(await backendsWillChange(ctx, cluster, service));
    await change(service);
  }
  return {
    subject: `services ${names.join(", ")} in ${ctx.namespace} of ${cluster.name}`,
    // Without the cluster, which any finding could name.
    names,
    tookHold: async () => {
      for (const each of seen) await each();
    },
  };
}

/** What the API server and Cilium add to an object that was applied. */
const applied = ({ apiVersion, kind, metadata, spec }: KubeObject): Record<string, unknown> => {
  const { name, namespace, labels, annotations } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, labels, annotations }, spec };
};

export const serviceDefinitionFaults: readonly SuiteFault[] = [
  {
    name: "counterpart-removed",
    group: "configuration",
    does: "deletes the suite's global services in the second cluster, whose clients then cannot resolve their names",
    needsNamespace: true,
    async inject(ctx) {
      const { kube, name: cluster } = clusterAt(ctx, 1);
      return changed(ctx, await globalServices(ctx), async (service) => {
        // Of the same address, which clients may have resolved.
        await ctx.recordUndo({ do: "apply", cluster, object: applied(service) });
        await kube.remove(kinds.service, ctx.namespace, service.metadata.name);
      });
    },
  },
  {
    name: "port-names-changed",
    group: "configuration",
    does: "renames the ports of the suite's global services in the second cluster, so neither cluster uses the other's backends",
    needsNamespace: true,
    async inject(ctx) {
      const { kube, name: cluster } = clusterAt(ctx, 1);
      return changed(ctx, await globalServices(ctx), async (service) => {
        const { name } = service.metadata;
        const ports = service.spec.ports as readonly ServicePort[];
        const at = { cluster, kind: "service", namespace: ctx.namespace, name } as const;
        await ctx.recordUndo({ do: "merge", ...at, patch: { spec: { ports } } });
        const renamed = ports.map((p, i) => ({ ...p, name: `renamed-${i + 1}` }));
        await kube.merge(kinds.service, ctx.namespace, name, { spec: { ports: renamed } });
      });
    },
  },
];
