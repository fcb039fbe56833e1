import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { artifactsSchema } from "./artifacts.ts";
import {
  labPlanSchema,
  type PlannedCluster,
  plannedKindClusterSchema,
  wantsKvstoreMesh,
} from "./lab-plan.ts";
import { processMarkSchema } from "./process-mark.ts";

// Keys that are not known are left out: builds from source told their times and images too, once.
const labStateSchema = z.object({
  version: z.literal(3),
  lab: z.string(),
  /** The id of the owner whose labels and names the lab's containers carry; `unlabelled` for a lab of an earlier version. */
  owner: z.string(),
  /** How far the lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
  phase: z.enum(["creating", "meshing", "up", "removing"]),
  runId: z.string(),
  createdAt: z.string(),
  /** The process that removes the lab at its end. A lab that is kept has none. */
  remover: processMarkSchema.exactOptional(),
  plan: labPlanSchema,
  artifacts: artifactsSchema,
});
/** What outlives the process: written before the step it names begins. */
export type LabState = Infer<typeof labStateSchema>;

/** As versions 1 and 2 planned a cluster: an external one as a kind cluster with `own`. */
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
/** Without an owner, and with the removing process under that name. */
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
    // What those versions took for granted.
    hasApiserver: true,
    hasKvstoreMesh: wantsKvstoreMesh({ values }),
    routesNatively: false,
  };
}

/** `ownerBefore` says whose a lab of these clusters is that was made before labs had owners. */
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
