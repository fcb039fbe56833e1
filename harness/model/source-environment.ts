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
/** An object in a file of the source environment. */
export type SourceObject = Infer<typeof fieldObjectSchema>;

/** Go programs may write null for an absent list. */
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
  /** The files from which it was read. */
  sources: z.array(z.string()),
  kubernetes: z.string().exactOptional(),
  cilium: z.string().exactOptional(),
  podCidr: z.string().exactOptional(),
  serviceCidr: z.string().exactOptional(),
  kernel: z.string().exactOptional(),
  controlPlanes: z.number(),
  workers: z.number(),
  /** Helm values, read from the release or derived from the agents' ConfigMap. */
  values: z.record(z.string(), z.unknown()),
  /** The agents' ConfigMap. */
  config: texts,
  namespaces: z.array(fieldObjectSchema),
  services: z.array(fieldObjectSchema),
  pods: z.array(fieldObjectSchema),
  policies: z.array(fieldObjectSchema),
  /** Policies without a namespace. */
  clusterwide: z.array(fieldObjectSchema),
});
/** One cluster of the source environment, as read from its files. Values that they do not contain are undefined. */
export type SourceCluster = Infer<typeof fieldClusterSchema>;

const differenceSchema = z.strictObject({
  cluster: z.string(),
  field: z.string(),
  inSource: z.string(),
  inLab: z.string(),
  /** Empty if the two are equal. */
  difference: z.string(),
  matters: z.enum(["no", "perhaps", "yes"]),
});
/** One line of the comparison: the value in the source, the value in the lab, and whether the difference matters. */
export type Difference = Infer<typeof differenceSchema>;
