import { kindNodes } from "#harness/cluster/kind/kind-node.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { isAlive } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { hasCertification } from "#harness/state/certification-journal.ts";
import { claimLab, isOwn, listLabs, readLabState, requireOwn } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { everyFoundLab, reapLab } from "#harness/state/reap.ts";

/**
 * Whether nobody wants the lab: half removed, or of a command that was to remove it and is gone, and no certification in
 * it waits to go on.
 */
export async function isDisposable(state: LabState): Promise<boolean> {
  if (!isOwn(state)) return false;
  if (state.phase === "removing") return true;
  if (state.remover === undefined || (await isAlive(state.remover))) return false;
  return state.phase !== "up" || !(await hasCertification(state.lab));
}

/** A lab that nobody wants is this command's now, to keep or to remove at its end; any other stays as it is. */
export async function takeOver(state: LabState, keep: boolean): Promise<LabState> {
  return (await isDisposable(state)) ? claimLab(state, keep) : state;
}

/**
 * Removes this owner's labs whose commands were killed before they could do it, and names the labs, of all owners, that
 * run beside this one.
 * Docker's daemon starts the nodes of both again whenever it starts itself: the figures of this lab would suffer.
 */
export async function freeCapacity(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  for (const other of await listLabs()) {
    if (other === lab) continue;
    try {
      await lookAfter(other, progress, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Trouble with another lab is no reason to refuse this one.
      progress.note(`lab ${other}, beside this one, is left as it is: ${messageOf(error)}`);
    }
  }
  for (const { lab: other, owner, nodes } of await everyFoundLab().catch(() => [])) {
    const running = nodes.filter((n) => n.state === "running").length;
    if (running > 0 && owner !== currentOwner().id)
      progress.note(
        `lab ${other} of ${owner} runs beside this one, ${running} nodes: their figures disturb each other; \`npm run mesh -- status --all-owners\` lists it`,
      );
  }
}

/** Under the lab's lock; nothing where somebody wants it by then. */
export function removeAbandonedLabs(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  return progress.step(`remove lab ${lab}, which a killed command left`, () =>
    withLab(lab, signal, async (held) => {
      const now = await readLabState(lab);
      if (now !== undefined && (await isDisposable(now))) await reapLab(lab, held);
    }),
  );
}

async function lookAfter(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  const state = await readLabState(lab);
  if (state === undefined) return;
  requireOwn(state);
  if (await isDisposable(state)) {
    await removeAbandonedLabs(lab, progress, signal);
    return;
  }
  const made = state.plan.clusters.filter((c) => c.kind === "kind");
  const nodes = (await Promise.all(made.map((c) => kindNodes(lab, c.name)))).flat();
  const running = nodes.filter((n) => n.running).length;
  if (running > 0)
    progress.note(
      `lab ${lab} runs beside this one, ${running} nodes: their figures disturb each other; \`${meshCommand("down", "--lab", lab)}\` removes it`,
    );
}
