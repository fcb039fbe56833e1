import { changeVersion } from "#harness/cilium/install/upgrade.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { waitingPods } from "#harness/evidence/waiting-pods.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { writeLabState } from "#harness/state/lab.ts";
import { artifactsOf, type BothArtifacts, type Side } from "./prepare.ts";

/** The release's original values, the version's images, and the operator's values for the new version only. */
export function valuesFor(
  { given, settings }: CertificationJournal,
  artifacts: BothArtifacts,
  cluster: string,
  side: Side,
): Record<string, unknown> {
  return [
    artifactsOf(artifacts, side, cluster).imageValues,
    side === "new" ? { ...settings.newValues } : {},
  ].reduce(mergeValues, { ...given[cluster] });
}

/**
 * Changes a cluster's version within the deadline; updates the lab's state, on which the suites rely, and returns it.
 * The error of a failed change names what Cilium's pods wait for.
 */
export async function moveCluster(
  state: LabState,
  change: { readonly cluster: string; readonly to: Side },
  {
    journal,
    artifacts,
    signal,
  }: {
    readonly journal: CertificationJournal;
    readonly artifacts: BothArtifacts;
    readonly signal: AbortSignal;
  },
): Promise<LabState> {
  const mesh = new Mesh(state);
  const cluster = mesh.cluster(change.cluster);
  const own = artifactsOf(artifacts, change.to, change.cluster);
  const { plan } = state;
  const moved: LabState = {
    ...state,
    plan: {
      ...plan,
      clusters: plan.clusters.map((c) =>
        c.name === change.cluster ? { ...c, cilium: own.versions.cilium } : c,
      ),
    },
    artifacts: {
      ...state.artifacts,
      clusters: { ...state.artifacts.clusters, [change.cluster]: own },
    },
  };
  try {
    await changeVersion(
      {
        helm: artifacts[change.to].tools.helm,
        cluster,
        clusters: mesh.clusters,
        artifacts: own,
        values: valuesFor(journal, artifacts, change.cluster, change.to),
      },
      { withinMs: journal.settings.deadlineMs, signal },
    );
  } catch (failure) {
    if (signal.aborted) throw failure;
    const waiting = await waitingPods(cluster).catch(() => []);
    throw new MeshproofError(
      failure instanceof MeshproofError ? failure.code : "timeout",
      [`changing ${change.cluster} to ${own.ciliumVersion} failed: ${messageOf(failure)}`, ...waiting].join(
        "; ",
      ),
      { cause: failure },
    );
  }
  await writeLabState(moved);
  return moved;
}
