import { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { healJournal } from "#harness/faults/inject.ts";
import { kinds } from "#harness/kube/kube.ts";
import { removeNamespace, runLabel } from "#harness/kube/namespace.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { removeOutsideClients } from "#harness/platform/containers.ts";
import { reportInterrupted } from "#harness/state/certification-journal.ts";
import { requireLab } from "#harness/state/lab.ts";
import { killOrphans, markChildren } from "#harness/state/processes.ts";
import { takeOver } from "./other-labs.ts";

/**
 * Opens the running lab for use: ends leftover processes of killed commands, heals leftover faults and removes leftover
 * namespaces, and reports each. Call it under the lab's lock.
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

/** The running lab; if the command that was to remove it is gone, the lab is kept from now on. */
export async function workOn(lab: string): Promise<LabState> {
  return takeOver(await requireLab(lab), true);
}

/**
 * Removes namespaces, and containers beside the clusters, left by killed commands, and reports them. Call it under the
 * lab's lock. Others may use external clusters too, so there it removes only namespaces of this run.
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
  const names = [...new Set(removed.flat())].sort().map((name) => `namespace ${name}`);
  const clients = await removeOutsideClients(plan.lab);
  const left = [...names, ...(clients > 0 ? [`${clients} containers outside the clusters`] : [])];
  if (left.length > 0) say(`removed leftovers of an earlier command: ${left.join(", ")}`);
}

/** Heals faults left by a killed command or a failed healing, and reports them. */
export async function healLeftovers(mesh: Mesh, say: (line: string) => void): Promise<void> {
  const healed = await healJournal(mesh);
  if (healed.length > 0) say(`healed faults of an earlier command: ${healed.join(", ")}`);
}
