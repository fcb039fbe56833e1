import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { budgetsSchema, rigSchema } from "#harness/model/budgets.ts";
import { type KindConfig, kindConfigSchema } from "#harness/model/lab-plan.ts";
import { profileNames } from "#harness/model/profile.ts";
import { suiteNameSchema } from "#harness/model/suite-name.ts";
import { tunings } from "#harness/model/tuning.ts";
import { pins } from "./pins.ts";
import { readYaml, readYamlDocuments, validate } from "./yaml-file.ts";

export const clusterName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
    "a cluster name is lower-case letters, digits and '-', at most 32 characters (Cilium's cluster-name)",
  )
  .refine((name) => name !== "default", "Cilium reserves 'default' for a cluster without a name");

const clusterSchema = z.strictObject({
  name: clusterName.describe("Cilium's cluster-name."),
  id: z
    .number()
    .int()
    .min(1, "cluster ids begin at 1")
    .max(511, "cluster ids end at 511")
    .describe(
      "Cilium's cluster-id: at most 255 with Helm value clustermesh.maxConnectedClusters at its default, 511 with that at 511.",
    ),
  kindConfig: z.string().describe("A kind Config file; relative to this file."),
  kubernetes: z
    .string()
    .exactOptional()
    .describe("Kubernetes version of this cluster, instead of the lab's default."),
  cilium: z
    .string()
    .exactOptional()
    .describe("Cilium version or checkout folder of this cluster, instead of the lab's default."),
  values: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Helm values for this cluster; they take precedence over the lab's."),
  manifests: z
    .string()
    .exactOptional()
    .describe("A file of Kubernetes objects, applied once the clusters are meshed; relative to this file."),
});

export const labFileSchema = z.strictObject({
  profile: z.enum(profileNames).default("default").describe("How the clusters are meshed."),
  tuning: z
    .enum(tunings)
    .default("tuned")
    .describe(
      "Whether the lab adds as little as possible to what Cilium does, or has the defaults of Kubernetes and of Cilium's chart.",
    ),
  clusters: z
    .array(clusterSchema)
    .min(2, "a mesh needs two clusters")
    .describe("The clusters of the mesh, at least two."),
  kubernetes: z
    .string()
    .exactOptional()
    .describe("Kubernetes version; without it the one pinned for the Cilium minor."),
  cilium: z.string().default(pins.cilium).describe("Cilium version, or the path of a Cilium checkout."),
  ciliumReason: z
    .string()
    .min(1)
    .exactOptional()
    .describe("Why this lab has that Cilium version and not the default; every report of it says so."),
  serviceType: z
    .enum(["LoadBalancer", "NodePort"])
    .default("LoadBalancer")
    .describe("How clustermesh-apiserver is exposed."),
  networks: z
    .enum(["shared", "each"])
    .default("shared")
    .describe("One Docker network for all clusters, or one per cluster with a router between them."),
  suites: z
    .array(suiteNameSchema)
    .default([])
    .describe("Suites that run on this lab in addition to the core suites."),
  values: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Helm values for every cluster; they take precedence over Meshproof's own."),
  budgets: budgetsSchema.describe("Limits that verdicts depend on; see the reference of budgets."),
  rig: rigSchema.describe("Limits of the test machine; see the reference of budgets."),
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

/** A file of Helm values, given with option `what`: any YAML mapping. */
export async function readValues(path: string, what: string): Promise<Record<string, unknown>> {
  const values = (await readYaml(path, what)) ?? {};
  return validate(z.record(z.string(), z.unknown()), values, path, "write a mapping of Helm values");
}
