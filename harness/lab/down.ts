import { Mesh } from "#harness/cluster/mesh.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { dockerInfo } from "#harness/platform/docker.ts";
import { forgetPriority } from "#harness/platform/priority.ts";
import { lockLab, readLabState } from "#harness/state/lab.ts";
import { everyLab, reapBuilds, reapLab } from "#harness/state/reap.ts";
import { removeOurs } from "./remove-ours.ts";

/** Removes one lab and nothing else. */
export async function downLab(lab: string, progress: Progress, signal: AbortSignal): Promise<string[]> {
  await dockerInfo();
  await using _lock = await lockLab(lab);
  const state = await readLabState(lab).catch(() => undefined);
  const own = state?.plan.clusters.some((c) => c.own !== undefined) === true;
  if (own) await progress.step("remove what was ours", () => removeOurs(new Mesh(state!)));
  const removed = await progress.step(`remove lab ${lab}`, () => reapLab(lab, signal));
  await forgetPriority();
  return removed;
}

/** Removes every lab and what killed image builds left. A lab that a living command holds is left alone, and said so. */
export async function downAll(progress: Progress, signal: AbortSignal): Promise<string[]> {
  await dockerInfo();
  const removed: string[] = [];
  const busy: string[] = [];
  for (const lab of await everyLab()) {
    try {
      removed.push(...(await downLab(lab, progress, signal)));
    } catch (error) {
      if (!(error instanceof MeshproofError) || error.code !== "lab-busy") throw error;
      busy.push(lab);
    }
  }
  removed.push(...(await reapBuilds()));
  if (busy.length > 0) {
    throw new MeshproofError(
      "lab-busy",
      `left alone, for another command works on it: lab ${busy.join(", ")}`,
      { cure: "end that command first" },
    );
  }
  return removed;
}
