import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { budgetsSchema, rigSchema } from "./budgets.ts";
import { profileNames } from "./profile.ts";
import { suiteNameSchema } from "./suite-name.ts";

/** The parts of a kind Config file that Meshproof reads; the rest is handed to kind as it is. */
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
  /** The pods' IPv6 CIDR, where the cluster is dual-stack. */
  podCidr6: z.string().exactOptional(),
  kubernetes: z.string(),
  cilium: z.string(),
};

export const plannedKindClusterSchema = z.object({
  kind: z.literal("kind"),
  ...planned,
  kindConfig: kindConfigSchema,
  /** The user's own Helm values, laid over ours. */
  values: mapping,
  /** Objects that the lab holds, applied once it is meshed. */
  manifests: z.array(mapping).exactOptional(),
});
/** A cluster that Meshproof creates and removes. */
export type PlannedKindCluster = Infer<typeof plannedKindClusterSchema>;

const plannedExternalClusterSchema = z.object({
  kind: z.literal("external"),
  ...planned,
  context: z.string(),
  kubeconfig: z.string(),
  /** Docker networks of its nodes, where all of them are containers of this machine; else none. */
  networks: z.array(z.string()),
  hasApiserver: z.boolean(),
  hasKvstoreMesh: z.boolean(),
  routesNatively: z.boolean(),
  /** LoadBalancer services were seen to get addresses. */
  assignsLoadBalancerIPs: z.boolean(),
});
/** A cluster that others made: never created, changed or removed. All of it was read from the cluster itself. */
export type PlannedExternalCluster = Infer<typeof plannedExternalClusterSchema>;

export type PlannedCluster = PlannedKindCluster | PlannedExternalCluster;

export const labPlanSchema = z.object({
  lab: z.string(),
  profile: z.enum(profileNames),
  clusters: z.array(z.discriminatedUnion("kind", [plannedKindClusterSchema, plannedExternalClusterSchema])),
  serviceType: z.enum(["LoadBalancer", "NodePort"]),
  /** One Docker network for all clusters, or one for each. */
  networks: z.enum(["shared", "each"]),
  /** What the lab is made for, beside the suites that every lab runs. */
  suites: z.array(suiteNameSchema),
  budgets: budgetsSchema,
  rig: rigSchema,
});
/** A lab as it shall be: validated, nothing touched yet. */
export type LabPlan = Infer<typeof labPlanSchema>;

/** A lab that Meshproof creates: every command but `test --context` works on one. */
export interface KindLabPlan extends LabPlan {
  readonly clusters: readonly PlannedKindCluster[];
}

/** KVStoreMesh is the chart's default beside clustermesh-apiserver; the lab file or `--values` may switch it off. */
export function wantsKvstoreMesh({ values }: Pick<PlannedKindCluster, "values">): boolean {
  const { clustermesh } = values as {
    clustermesh?: { apiserver?: { kvstoremesh?: { enabled?: boolean } } };
  };
  return clustermesh?.apiserver?.kvstoremesh?.enabled !== false;
}
