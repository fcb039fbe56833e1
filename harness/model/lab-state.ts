import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { artifactsSchema } from "./artifacts.ts";
import {
  enablesKvstoreMesh,
  labPlanSchema,
  type PlannedCluster,
  plannedKindClusterSchema,
} from "./lab-plan.ts";
import { meshingSchema } from "./meshing.ts";
import { processMarkSchema } from "./process-mark.ts";

const calibrationSchema = z.object({
  /** Of the whole task. */
  medianMs: z.number(),
  runs: z.array(z.object({ cpuMs: z.number(), requestsMs: z.number() })).min(1),
});
/** The time of a fixed task on the lab's machine, when the lab had just been created. */
export type Calibration = Infer<typeof calibrationSchema>;

// Unknown keys are dropped: earlier versions also stored the times and images of builds from source.
const labStateSchema = z.object({
  version: z.literal(3),
  lab: z.string(),
  /** The owner's id, in labels and names of the lab's containers; `unlabelled` for a lab of an earlier version. */
  owner: z.string(),
  /** How far creation got. With any phase but `up` the lab is incomplete: the next `up` repairs or rebuilds it. */
  phase: z.enum(["creating", "meshing", "up", "removing"]),
  runId: z.string(),
  createdAt: z.string(),
  /** The process that removes the lab when it ends. A kept lab has none. */
  remover: processMarkSchema.exactOptional(),
  plan: labPlanSchema,
  artifacts: artifactsSchema,
  meshing: meshingSchema.exactOptional(),
  /** Labs of earlier versions have none. */
  calibration: calibrationSchema.exactOptional(),
});
/** The persistent state of a lab, written before the step that `phase` names. */
export type LabState = Infer<typeof labStateSchema>;

/** A cluster in versions 1 and 2: an external cluster was a kind cluster with `own`. */
const clusterSchemaV2 = plannedKindClusterSchema.omit({ kind: true }).extend({
  own: z
    .object({
      kubeconfig: z.string(),
      context: z.string(),
      networks: z.array(z.string()),
      givesAddresses: z.boolean(),
    })
    .exactOptional(),
});
const planSchemaV2 = labPlanSchema.extend({ clusters: z.array(clusterSchemaV2) });
const stateSchemaV2 = labStateSchema.extend({ version: z.literal(2), plan: planSchemaV2 });
/** Version 1 has no owner; its key `owner` is the removing process. */
const stateSchemaV1 = stateSchemaV2
  .omit({ remover: true })
  .extend({ version: z.literal(1).exactOptional(), owner: processMarkSchema.exactOptional() });

const fromV2 = (state: z.infer<typeof stateSchemaV2>): z.infer<typeof labStateSchema> => ({
  ...state,
  version: 3,
  plan: { ...state.plan, clusters: state.plan.clusters.map(toPlannedCluster) },
});

function toPlannedCluster({
  own,
  ...cluster
}: z.infer<typeof clusterSchemaV2>): z.infer<typeof labPlanSchema>["clusters"][number] {
  if (own === undefined) return { kind: "kind", ...cluster };
  const { kindConfig: _, values, manifests: __, ...common } = cluster;
  const { givesAddresses, ...access } = own;
  return {
    kind: "external",
    ...common,
    ...access,
    assignsLoadBalancerIPs: givesAddresses,
    // Versions 1 and 2 assumed these.
    hasApiserver: true,
    hasKvstoreMesh: enablesKvstoreMesh({ values }),
    routesNatively: false,
  };
}

/** `ownerBefore` gives the owner of a lab of version 1, which has none, from its clusters. */
export function labStateFormat(
  ownerBefore: (clusters: readonly PlannedCluster[]) => string,
): RecordFormat<LabState> {
  const fromV1 = ({ owner: remover, ...state }: z.infer<typeof stateSchemaV1>): LabState => ({
    ...fromV2({ ...state, version: 2, owner: "" }),
    owner: ownerBefore(state.plan.clusters.map(toPlannedCluster)),
    ...(remover === undefined ? {} : { remover }),
  });
  const v1 = stateSchemaV1.transform(fromV1);
  return {
    schema: labStateSchema,
    version: { key: "version", current: 3 },
    older: { 0: v1, 1: v1, 2: stateSchemaV2.transform(fromV2) },
  };
}
