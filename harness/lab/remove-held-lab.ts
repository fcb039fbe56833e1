import type { Progress } from "#harness/lib/progress.ts";
import { isHeldByThisProcess, readLabState } from "#harness/state/lab.ts";
import { reapLab } from "#harness/state/reap.ts";

/**
 * Removes the lab at the end of the command that created it, if this command is to remove it. Uses its own signal:
 * clean-up after Ctrl-C must not be aborted by the same Ctrl-C.
 */
export async function removeHeldLab(lab: string, progress: Progress): Promise<void> {
  const state = await readLabState(lab).catch(() => undefined);
  if (state === undefined || !(await isHeldByThisProcess(state))) return;
  await progress.step(`remove lab ${lab}`, () => reapLab(lab, AbortSignal.timeout(300_000)));
}
