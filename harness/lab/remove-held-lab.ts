import type { Progress } from "#harness/lib/progress.ts";
import { isHeldByThisProcess, readLabState } from "#harness/state/lab.ts";
import { reapLab } from "#harness/state/reap.ts";

/**
 * The end of a command that made its lab: it goes, if it is this command's to remove. With a signal of its own: clean-up
 * after Ctrl-C must not be cut short by the same Ctrl-C.
 */
export async function removeHeldLab(lab: string, progress: Progress): Promise<void> {
  const state = await readLabState(lab).catch(() => undefined);
  if (state === undefined || !(await isHeldByThisProcess(state))) return;
  await progress.step(`remove lab ${lab}`, () => reapLab(lab, AbortSignal.timeout(300_000)));
}
