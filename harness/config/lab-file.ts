import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import { type KindConfig, kindConfigSchema } from "#harness/model/lab-plan.ts";
import { profileNames } from "#harness/model/profile.ts";
import { readYaml, readYamlDocuments, validate } from "./yaml-file.ts";

export const clusterName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
    "a cluster name is lower-case letters, digits and '-', at most 32 characters (Cilium's cluster-name)",
  )
  .refine((name) => name !== "default", "'default' is Cilium's name for no cluster name");

const clusterSchema = z.strictObject({
  name: clusterName,
  /** Cilium's cluster-id; 0 means none, 255 is the highest with the default maxConnectedClusters, 511 with the other. */
  id: z.number().int().min(1, "cluster ids begin at 1").max(511, "cluster ids end at 511"),
  kindConfig: z.string().describe("A kind Config file; relative to this file."),
  kubernetes: z.string().exactOptional(),
  cilium: z.string().exactOptional(),
  values: z.record(z.string(), z.unknown()).default({}).describe("Helm values laid over this cluster's."),
  manifests: z
    .string()
    .exactOptional()
    .describe(
      "A file of Kubernetes objects that the lab holds, applied once it is meshed; relative to this file.",
    ),
});

export const labFileSchema = z.strictObject({
  profile: z.enum(profileNames).default("default").describe("The way of meshing."),
  clusters: z.array(clusterSchema).min(2, "a mesh needs two clusters"),
  kubernetes: z.string().default("1.34.4"),
  cilium: z.string().default("1.19.4"),
  serviceType: z.enum(["LoadBalancer", "NodePort"]).default("LoadBalancer"),
  networks: z
    .enum(["shared", "each"])
    .default("shared")
    .describe("One Docker network for all clusters, or one for each with a router between them."),
  suites: z
    .array(z.string())
    .default([])
    .describe("Suites that this lab is made for, beside those that every lab runs."),
  values: z.record(z.string(), z.unknown()).default({}).describe("Helm values laid over every cluster's."),
  budgets: budgetsSchema,
  rig: rigSchema,
});
export type LabFile = Infer<typeof labFileSchema>;

export async function readLabFile(path: string): Promise<LabFile> {
  return validate(labFileSchema, await readYaml(path, "--lab-file"), path);
}

export async function readKindConfig(labFile: string, reference: string): Promise<KindConfig> {
  const path = isAbsolute(reference) ? reference : join(dirname(labFile), reference);
  return validate(kindConfigSchema, await readYaml(path, `kindConfig in ${labFile}`), path);
}

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/** A file of Kubernetes objects, one document each. */
export async function readManifests(labFile: string, reference: string): Promise<Record<string, unknown>[]> {
  const path = isAbsolute(reference) ? reference : join(dirname(labFile), reference);
  return (await readYamlDocuments(path, `manifests in ${labFile}`)).map((d) =>
    validate(objectSchema, d, path, "write Kubernetes objects, one document each"),
  );
}

/** A file of Helm values, named by option `what`: any YAML mapping. */
export async function readValues(path: string, what: string): Promise<Record<string, unknown>> {
  const values = (await readYaml(path, what)) ?? {};
  return validate(z.record(z.string(), z.unknown()), values, path, "write a mapping of Helm values");
}
