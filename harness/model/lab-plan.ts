import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { budgetsSchema, rigSchema } from "./budgets.ts";
import { profileNames } from "./profile.ts";
import { suiteNameSchema } from "./suite-name.ts";
import { tunings } from "./tuning.ts";

/** The parts of a kind Config file that Meshproof reads; the rest is passed to kind unchanged. */
export const kindConfigSchema = z.looseObject({
  kind: z.literal("Cluster"),
  apiVersion: z.literal("kind.x-k8s.io/v1alpha4"),
  networking: z.looseObject({
    podSubnet: z.string(),
    serviceSubnet: z.string(),
    disableDefaultCNI: z.literal(true, "Cilium is the CNI: disableDefaultCNI must be true"),
    kubeProxyMode: z.literal("none", "Cilium replaces kube-proxy: kubeProxyMode must be none"),
    apiServerPort: z.number().int().min(1).max(65535).exactOptional(),
  }),
  nodes: z.array(z.looseObject({ role: z.enum(["control-plane", "worker"]) })).min(1),
});
export type KindConfig = Infer<typeof kindConfigSchema>;

const mapping = z.record(z.string(), z.unknown());

const planned = {
  name: z.string(),
  id: z.number().int(),
  podCidr: z.string(),
  serviceCidr: z.string(),
  /** The pods' IPv6 CIDR, if the cluster is dual-stack. */
  podCidr6: z.string().exactOptional(),
  kubernetes: z.string(),
  cilium: z.string(),
};

export const plannedKindClusterSchema = z.object({
  kind: z.literal("kind"),
  ...planned,
  kindConfig: kindConfigSchema,
  /** The user's Helm values; they take precedence over Meshproof's. */
  values: mapping,
  /** Objects that are applied once the lab is meshed. */
  manifests: z.array(mapping).exactOptional(),
});
/** A cluster that Meshproof creates and removes. */
export type PlannedKindCluster = Infer<typeof plannedKindClusterSchema>;

const plannedExternalClusterSchema = z.object({
  kind: z.literal("external"),
  ...planned,
  context: z.string(),
  kubeconfig: z.string(),
  /** Docker networks of its nodes if all nodes are containers on this machine; otherwise empty. */
  networks: z.array(z.string()),
  hasApiserver: z.boolean(),
  hasKvstoreMesh: z.boolean(),
  routesNatively: z.boolean(),
  /** Whether LoadBalancer services were observed to get addresses. */
  assignsLoadBalancerIPs: z.boolean(),
});
/** An existing cluster that Meshproof never creates, changes or removes. All values are read from the cluster. */
export type PlannedExternalCluster = Infer<typeof plannedExternalClusterSchema>;

export type PlannedCluster = PlannedKindCluster | PlannedExternalCluster;

export const labFileSchema = z
  .string()
  .exactOptional()
  .describe(
    "A lab file other than the profile's own: its path in the clone; only its name if it is elsewhere.",
  );

export const labPlanSchema = z.object({
  lab: z.string(),
  profile: z.enum(profileNames),
  labFile: labFileSchema,
  /** Labs of earlier versions have no such key, and were tuned. */
  tuning: z.enum(tunings).default("tuned"),
  clusters: z.array(z.discriminatedUnion("kind", [plannedKindClusterSchema, plannedExternalClusterSchema])),
  /** Why the lab file names another Cilium version than the default. */
  ciliumReason: z.string().exactOptional(),
  serviceType: z.enum(["LoadBalancer", "NodePort"]),
  /** One Docker network for all clusters, or one per cluster. */
  networks: z.enum(["shared", "each"]),
  /** Suites that run on this lab in addition to the core suites. */
  suites: z.array(suiteNameSchema),
  budgets: budgetsSchema,
  rig: rigSchema,
});
/** The validated plan of a lab; nothing is created yet. */
export type LabPlan = Infer<typeof labPlanSchema>;

/** A lab that Meshproof creates. Every command except `test --context` needs one. */
export interface KindLabPlan extends LabPlan {
  readonly clusters: readonly PlannedKindCluster[];
}

/** The chart enables KVStoreMesh by default with clustermesh-apiserver; the lab file or `--values` can disable it. */
export function enablesKvstoreMesh({ values }: Pick<PlannedKindCluster, "values">): boolean {
  const { clustermesh } = values as {
    clustermesh?: { apiserver?: { kvstoremesh?: { enabled?: boolean } } };
  };
  return clustermesh?.apiserver?.kvstoremesh?.enabled !== false;
}
