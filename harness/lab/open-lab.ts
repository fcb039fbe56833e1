import { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { healJournal } from "#harness/faults/inject.ts";
import { kinds } from "#harness/kube/kube.ts";
import { removeNamespace, runLabel } from "#harness/kube/namespace.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { reportInterrupted } from "#harness/state/certification-journal.ts";
import { requireLab } from "#harness/state/lab.ts";
import { killOrphans, markChildren } from "#harness/state/processes.ts";
import { takeOver } from "./other-labs.ts";

/**
 * The lab that is up, ready for work: what a killed command left running is ended, and the faults that it left are
 * healed and its namespaces removed, and said. To be called under the lab's lock.
 */
export async function openLab(lab: string, say: (line: string) => void): Promise<Mesh> {
  const state = await workOn(lab);
  markChildren(lab);
  await killOrphans({ lab, owner: state.owner });
  const mesh = new Mesh(state);
  await healLeftovers(mesh, say);
  await removeLeftovers(mesh, say);
  await reportInterrupted(lab, say);
  return mesh;
}

/** The lab that is up; where whoever was to remove it is gone, it is kept from now on: somebody works on it. */
export async function workOn(lab: string): Promise<LabState> {
  return takeOver(await requireLab(lab), true);
}

/**
 * Removes the namespaces that killed suites left, and says which. To be called under the lab's lock. On external
 * clusters somebody else may be at work too: there only those of our own run.
 */
export async function removeLeftovers(mesh: Mesh, say: (line: string) => void): Promise<void> {
  const { plan, runId } = mesh.state;
  const runSelector = isKindPlan(plan) ? runLabel : `${runLabel}=${runId}`;
  const removed = await Promise.all(
    mesh.clusters.map(async ({ kube }) => {
      const left = (await kube.list(kinds.namespace, undefined, runSelector)).map((n) => n.metadata.name);
      await Promise.all(left.map((name) => removeNamespace(kube, name)));
      return left;
    }),
  );
  const names = [...new Set(removed.flat())].sort();
  if (names.length > 0) say(`removed what an earlier command left: namespace ${names.join(", ")}`);
}

/** Heals the faults that a killed command, or healing that failed, left, and says which. */
export async function healLeftovers(mesh: Mesh, say: (line: string) => void): Promise<void> {
  const healed = await healJournal(mesh);
  if (healed.length > 0) say(`healed what an earlier command left: ${healed.join(", ")}`);
}
