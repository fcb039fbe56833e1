import { type LabPlan, wantsKvstoreMesh } from "#harness/config/plan.ts";
import type {
  PlannedCluster,
  PlannedExternalCluster,
  PlannedKindCluster,
} from "#harness/config/planned-cluster.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { currentOwner, unlabelled } from "#harness/platform/owner.ts";

/** How far a lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
type LabPhase = "creating" | "meshing" | "up" | "removing";

/** What outlives the process: written before the step it names begins. */
export interface LabState {
  readonly version: 3;
  readonly lab: string;
  /** The id of the owner whose labels and names the lab's containers carry; `unlabelled` for a lab of an earlier version. */
  readonly owner: string;
  readonly phase: LabPhase;
  readonly runId: string;
  readonly createdAt: string;
  /** The process that removes the lab at its end. A lab that is kept has none. */
  readonly remover?: ProcessMark;
  readonly plan: LabPlan;
  readonly artifacts: Artifacts;
}

/** As versions 1 and 2 planned a cluster: an external one as a kind cluster with `own`. */
interface PlannedClusterV2 extends Omit<PlannedKindCluster, "kind"> {
  readonly own?: Pick<PlannedExternalCluster, "kubeconfig" | "context" | "networks"> & {
    readonly givesAddresses: boolean;
  };
}

interface LabStateV2 extends Omit<LabState, "version" | "plan"> {
  readonly version: 2;
  readonly plan: Omit<LabPlan, "clusters"> & { readonly clusters: readonly PlannedClusterV2[] };
}

/** Without an owner, and with the removing process under that name. */
interface LabStateV1 extends Omit<LabStateV2, "version" | "owner" | "remover"> {
  readonly version?: 1;
  readonly owner?: ProcessMark;
}

/** A lab's state as any version wrote it. */
export type AnyLabState = LabState | LabStateV2 | LabStateV1;

export function toCurrentVersion(state: AnyLabState): LabState {
  if (state.version === 3) return state;
  const known = state.version === 2 ? state : withOwner(state);
  return {
    ...known,
    version: 3,
    plan: { ...known.plan, clusters: known.plan.clusters.map(toPlannedCluster) },
  };
}

/**
 * A lab of version 1 carries no owner, so its containers are nobody's own. External clusters have no containers of ours:
 * what is known of them is this state folder's.
 */
function withOwner({ owner: remover, ...state }: LabStateV1): LabStateV2 {
  const { clusters } = state.plan;
  const isExternal = clusters.length > 0 && clusters.every((c) => c.own !== undefined);
  return {
    ...state,
    version: 2,
    owner: isExternal ? currentOwner().id : unlabelled,
    ...(remover === undefined ? {} : { remover }),
  };
}

function toPlannedCluster({ own, ...cluster }: PlannedClusterV2): PlannedCluster {
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
