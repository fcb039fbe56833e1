import { z } from "zod";
import type { PodTemplate } from "#harness/model/what-if.ts";

const labels = z.record(z.string(), z.string());

export const podTemplateSchema = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  labels,
  replicas: z.number(),
  hostNetwork: z.boolean(),
});
const templateSchema = z.looseObject({
  metadata: z.looseObject({ labels: labels.nullish() }).nullish(),
  spec: z.looseObject({ containers: z.array(z.unknown()), hostNetwork: z.boolean().nullish() }),
});
const workloadSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().nullish(),
    ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string() })).nullish(),
  }),
  spec: z.looseObject({
    replicas: z.number().int().nonnegative().nullish(),
    template: templateSchema.optional(),
    jobTemplate: z.looseObject({ spec: z.looseObject({ template: templateSchema.optional() }) }).optional(),
  }),
});

/** Objects from which a tool makes others: their workloads are not among the files. */
export const unrenderedKinds: ReadonlySet<string> = new Set([
  ...["HelmRelease", "HelmChart", "Application", "ApplicationSet"],
]);

/**
 * The workloads among objects, by their shape and not by their kind: a Rollout of Argo or a CloneSet of OpenKruise has a
 * template of pods too. One that another makes, like the ReplicaSet of a Deployment, and a second manifest of one name, as
 * in an overlay, are the same pods.
 */
export function podTemplatesOf(objects: readonly unknown[]): PodTemplate[] {
  const found = new Map<string, { template: PodTemplate; owners: readonly string[] }>();
  for (const object of objects) {
    const workload = workloadSchema.safeParse(object).data;
    const template = workload?.spec.template ?? workload?.spec.jobTemplate?.spec.template;
    if (workload === undefined || template === undefined) continue;
    const { kind, metadata, spec } = workload;
    const namespace = metadata.namespace ?? "default";
    const key = (k: string, name: string): string => `${k}/${namespace}/${name}`;
    found.set(key(kind, metadata.name), {
      template: {
        kind,
        namespace,
        name: metadata.name,
        labels: template.metadata?.labels ?? {},
        replicas: kind === "DaemonSet" ? 1 : (spec.replicas ?? 1),
        hostNetwork: template.spec.hostNetwork === true,
      },
      owners: (metadata.ownerReferences ?? []).map((o) => key(o.kind, o.name)),
    });
  }
  return [...found.values()].flatMap(({ template, owners }) =>
    owners.some((owner) => found.has(owner)) ? [] : [template],
  );
}
