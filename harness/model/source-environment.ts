import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";

const texts = z.record(z.string(), z.string());

export const fieldObjectSchema = z
  .object({
    apiVersion: z.string().exactOptional(),
    kind: z.string().exactOptional(),
    metadata: z.looseObject({
      name: z.string(),
      namespace: z.string().exactOptional(),
      labels: texts.nullable().exactOptional(),
      annotations: texts.nullable().exactOptional(),
      ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string() })).exactOptional(),
    }),
  })
  // Objects of every kind; readers check what they use.
  .catchall(z.any());
/** An object as a file of the source environment holds it. */
export type SourceObject = Infer<typeof fieldObjectSchema>;

/** A list that is not there may be null in what Go's programs write. */
export const sourceObjectsFormat: RecordFormat<readonly SourceObject[] | null> = {
  schema: z.array(fieldObjectSchema).nullable(),
};
export const fieldValuesFormat: RecordFormat<Readonly<Record<string, unknown>>> = {
  schema: z.record(z.string(), z.unknown()),
};
export const fieldConfigFormat: RecordFormat<Readonly<Record<string, string>>> = { schema: texts };

const fieldClusterSchema = z.strictObject({
  name: z.string(),
  id: z.number().exactOptional(),
  /** Where all of it was read. */
  sources: z.array(z.string()),
  kubernetes: z.string().exactOptional(),
  cilium: z.string().exactOptional(),
  podCidr: z.string().exactOptional(),
  serviceCidr: z.string().exactOptional(),
  kernel: z.string().exactOptional(),
  controlPlanes: z.number(),
  workers: z.number(),
  /** Helm values, or what the agents' ConfigMap says of them. */
  values: z.record(z.string(), z.unknown()),
  /** The agents' ConfigMap. */
  config: texts,
  namespaces: z.array(fieldObjectSchema),
  services: z.array(fieldObjectSchema),
  pods: z.array(fieldObjectSchema),
  policies: z.array(fieldObjectSchema),
  /** Policies of no namespace. */
  clusterwide: z.array(fieldObjectSchema),
});
/** One cluster of the source environment, as its files show it. What they do not show is undefined. */
export type SourceCluster = Infer<typeof fieldClusterSchema>;

const differenceSchema = z.strictObject({
  cluster: z.string(),
  field: z.string(),
  inSource: z.string(),
  inLab: z.string(),
  /** Empty where the two are alike. */
  difference: z.string(),
  matters: z.enum(["no", "perhaps", "yes"]),
});
/** One line of the comparison: what the source has, what the lab will have, and whether it matters. */
export type Difference = Infer<typeof differenceSchema>;
