import { healJournal } from "#harness/fault/inject.ts";
import { requireLab } from "#harness/lab/lab.ts";
import { killOrphans, labVariable } from "#harness/lab/reap.ts";
import { Mesh } from "#harness/mesh/mesh.ts";

/**
 * The lab that is up, ready for work: what a killed command left running is ended, and the faults that it left are
 * healed and said. To be called under the lab's lock.
 */
export async function openLab(lab: string, say: (line: string) => void): Promise<Mesh> {
  const state = await requireLab(lab);
  process.env[labVariable] = lab;
  await killOrphans(lab);
  const mesh = new Mesh(state);
  await healLeftovers(mesh, say);
  return mesh;
}

/** Heals the faults that a killed command left, and says which. */
export async function healLeftovers(mesh: Mesh, say: (line: string) => void): Promise<void> {
  const healed = await healJournal(mesh);
  if (healed.length > 0) say(`healed what a killed command left: ${healed.join(", ")}`);
}
