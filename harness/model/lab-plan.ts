import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";
import { budgetsSchema, rigSchema } from "./budgets.ts";
import { profileNames } from "./profile.ts";

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

const plannedClusterSchema = z.object({
  name: z.string(),
  id: z.number().int(),
  podCidr: z.string(),
  serviceCidr: z.string(),
  /** The pods' IPv6 CIDR, where the cluster is dual-stack. */
  podCidr6: z.string().exactOptional(),
  kubernetes: z.string(),
  cilium: z.string(),
  kindConfig: kindConfigSchema,
  /** The user's own Helm values, laid over ours. */
  values: mapping,
  /** A cluster that was there before: never made, never removed. Networks of Docker, where its nodes are containers. */
  own: z
    .object({
      kubeconfig: z.string(),
      context: z.string(),
      networks: z.array(z.string()),
      /** LoadBalancer services have been seen to get addresses there. */
      givesAddresses: z.boolean(),
    })
    .exactOptional(),
  /** Objects that the lab holds, applied once it is meshed. */
  manifests: z.array(mapping).exactOptional(),
});
export type PlannedCluster = Infer<typeof plannedClusterSchema>;

export const labPlanSchema = z.object({
  lab: z.string(),
  profile: z.enum(profileNames),
  clusters: z.array(plannedClusterSchema),
  serviceType: z.enum(["LoadBalancer", "NodePort"]),
  /** One Docker network for all clusters, or one for each. */
  networks: z.enum(["shared", "each"]),
  /** What the lab is made for, beside the suites that every lab runs. */
  suites: z.array(z.string()),
  budgets: budgetsSchema,
  rig: rigSchema,
});
/** A lab as it shall be: validated, nothing touched yet. */
export type LabPlan = Infer<typeof labPlanSchema>;
