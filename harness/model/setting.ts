import { z } from "zod";
import { hashOf, leavesOf, type Scalar } from "#harness/lib/canonical-json.ts";
import type { Infer } from "#harness/lib/records.ts";
import { applications } from "./application.ts";
import { profileNames } from "./profile.ts";
import { tunings } from "./tuning.ts";

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const byPath = z.record(z.string(), scalar);

const clusterSettingSchema = z.object({
  cilium: z.string(),
  kubernetes: z.string(),
  controlPlanes: z.number().int(),
  workers: z.number().int(),
  kubeadm: byPath.describe(
    "Flags that kubeadm's configuration gives to the control plane, and the user's own patches.",
  ),
  values: byPath.describe(
    "The release's Helm values by path, without keys, addresses and images; of an external cluster Cilium's ConfigMap.",
  ),
});
export type ClusterSetting = Infer<typeof clusterSettingSchema>;

const containerSchema = z.object({
  readinessPeriodSeconds: z.number().nullable(),
  readinessFailures: z.number().nullable(),
  preStop: z.string().nullable().describe("The kind of its preStop hook."),
});

export const workloadSettingSchema = z
  .object({
    application: z.enum(applications),
    replicas: z.number().int(),
    strategy: z.string().describe("How the deployment replaces its pods."),
    graceSeconds: z.number(),
    drainSeconds: z.number(),
    containers: z.record(z.string(), containerSchema),
  })
  .describe("The backends of a measurement, in each cluster.");
export type WorkloadSetting = Infer<typeof workloadSettingSchema>;

/**
 * Everything of a lab and its machine that can change a measurement, besides the scenario. It names nothing that
 * differs between two labs of one lab file, such as addresses, names of nodes and certificates, so that measurements
 * of fresh labs can be pooled.
 */
export const settingRecordSchema = z.object({
  tuning: z.enum(tunings),
  realTime: z
    .object({ probers: z.boolean(), backends: z.boolean() })
    .describe("Whether their processes were scheduled in real time."),
  machine: z.object({
    cores: z.number().int(),
    memoryGiB: z.number(),
    kernel: z.string().describe("Major and minor version."),
  }),
  imageSource: z.string(),
  components: z.record(z.string(), z.string()).describe("Versions of everything that the lab is made from."),
  profile: z.enum(profileNames),
  serviceType: z.string(),
  networks: z.string(),
  clusters: z.record(z.string(), clusterSettingSchema),
  workload: workloadSettingSchema,
  probeIntervalFactor: z.number(),
  budgets: byPath.describe("Without those that only compare a measurement with a baseline."),
  rig: byPath,
});
export type SettingRecord = Infer<typeof settingRecordSchema>;

/** Equal for settings in which nothing differs. */
export const settingHashOf = (setting: SettingRecord): string => hashOf(setting);

export interface Difference {
  /** The path of the key, such as `clusters.east.values.hubble.enabled`. */
  readonly key: string;
  /** Undefined: that setting does not have the key. */
  readonly values: readonly [Scalar | undefined, Scalar | undefined];
}

/** The keys in which two settings differ, in alphabetical order; empty if and only if their hashes are equal. */
export function differingSettings(a: SettingRecord, b: SettingRecord): Difference[] {
  const [left, right] = [leavesOf(a), leavesOf(b)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .sort()
    .map((key) => ({ key, values: [left.get(key), right.get(key)] as const }));
}

/** One line for each difference: `tuning: tuned, untuned`. */
export const describeDifferences = (differences: readonly Difference[]): string[] =>
  differences.map(({ key, values: [a, b] }) => `${key}: ${a ?? textOfMissing(a)}, ${b ?? textOfMissing(b)}`);

const textOfMissing = (value: null | undefined): string => (value === null ? "null" : "not set");
