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

/** Which question a row of the comparison answers; the plan prints them in this order. */
export const differenceParts = ["source", "unavailable", "other", "always"] as const;

const noteSchema = z.strictObject({
  field: z.string(),
  inSource: z.string(),
  inLab: z.string(),
  matters: z.enum(["no", "perhaps", "yes"]),
  /**
   * `source`: what breaks the mesh in the source environment itself; `unavailable`: what no lab can have; `always`: what
   * every lab changes; `other`: the rest.
   */
  part: z.enum(differenceParts),
  /** Of a file of which it is not known to which cluster it belongs. */
  ofNoCluster: z.literal(true).exactOptional(),
});
/** What reading or rebuilding a cluster changes, before it is known of which cluster. */
export type Note = Infer<typeof noteSchema>;

const podNetworkSchema = z.strictObject({
  /** Of each family that is known, in the source's order. */
  cidrs: z.array(z.string()),
  /** All IPv4 pools, if Cilium's operator assigns addresses of pools. */
  pools: z.array(z.string()),
  /** Cilium's `ipam`; undefined if no file tells. */
  mode: z.string().exactOptional(),
  /** Where they were read: `pools of cluster-pool`. */
  from: z.string(),
  /** Every range that pods may have addresses of, of both families, as far as the files say. */
  all: z.array(z.string()),
  /** Those of the chart's default, where no file gives a pool of that family. */
  defaults: z.array(z.string()),
});
/** The addresses that pods have. */
export type PodNetwork = Infer<typeof podNetworkSchema>;

const fieldClusterSchema = z.strictObject({
  name: z.string(),
  id: z.number().exactOptional(),
  /** The files from which it was read. */
  sources: z.array(z.string()),
  kubernetes: z.string().exactOptional(),
  cilium: z.string().exactOptional(),
  podNetwork: podNetworkSchema,
  serviceCidrs: z.array(z.string()),
  kernel: z.string().exactOptional(),
  /** NodePorts that its API server gives out, where a file says so: `30000-32767`. */
  nodePortRange: z.string().exactOptional(),
  controlPlanes: z.number(),
  workers: z.number(),
  /** Addresses of its nodes. */
  nodeIps: z.array(z.string()),
  /** Helm values, read from the release or derived from the agents' ConfigMap; numbers and booleans are typed. */
  values: z.record(z.string(), z.unknown()),
  /** The same as they are written: a number may be a text, which a chart's schema refuses. */
  written: z.record(z.string(), z.unknown()).exactOptional(),
  /** The agents' ConfigMap. */
  config: texts,
  namespaces: z.array(fieldObjectSchema),
  services: z.array(fieldObjectSchema),
  pods: z.array(fieldObjectSchema),
  /** Deployments, StatefulSets, DaemonSets and the like. */
  workloads: z.array(fieldObjectSchema),
  policies: z.array(fieldObjectSchema),
  /** Policies without a namespace. */
  clusterwide: z.array(fieldObjectSchema),
  serviceExports: z.array(fieldObjectSchema),
  /** Objects of kinds that a lab does not get. */
  others: z.array(fieldObjectSchema),
  notes: z.array(noteSchema),
});
/** One cluster of the source environment, as read from its files. Values that they do not contain are undefined. */
export type SourceCluster = Infer<typeof fieldClusterSchema>;

const differenceSchema = z.strictObject({
  /** Several names, if a row is about them together: `alpha, beta`. */
  cluster: z.string(),
  field: z.string(),
  inSource: z.string(),
  inLab: z.string(),
  /** Empty if the two are equal. */
  difference: z.string(),
  matters: z.enum(["no", "perhaps", "yes"]),
  part: z.enum(differenceParts),
});
/** One line of the comparison: the value in the source, the value in the lab, and whether the difference matters. */
export type Difference = Infer<typeof differenceSchema>;
