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
 * Whether the lab is abandoned: partly removed, or the command that was to remove it is gone and no interrupted
 * certification in it can resume.
 */
export async function isDisposable(state: LabState): Promise<boolean> {
  if (!isOwn(state)) return false;
  if (state.phase === "removing") return true;
  if (state.remover === undefined || (await isAlive(state.remover))) return false;
  return state.phase !== "up" || !(await hasCertification(state.lab));
}

/** An abandoned lab now belongs to this command, which keeps it or removes it at the end; others are unchanged. */
export async function takeOver(state: LabState, keep: boolean): Promise<LabState> {
  return (await isDisposable(state)) ? claimLab(state, keep) : state;
}

/**
 * Removes this owner's labs whose commands were killed before they could remove them, and names running labs of all
 * owners. Docker restarts the nodes of all labs when it starts, and their load would distort this lab's figures.
 */
export async function freeCapacity(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  for (const other of await listLabs()) {
    if (other === lab) continue;
    try {
      await lookAfter(other, progress, signal);
    } catch (error) {
      signal.throwIfAborted();
      // An error in another lab must not stop this one.
      progress.note(`the other lab ${other} is left unchanged: ${messageOf(error)}`);
    }
  }
  for (const { lab: other, owner, nodes } of await everyFoundLab().catch(() => [])) {
    const running = nodes.filter((n) => n.state === "running").length;
    if (running > 0 && owner !== currentOwner().id)
      progress.note(
        `lab ${other} of ${owner} runs on this machine too, ${running} nodes: the labs' figures disturb each other; \`npm run mesh -- status --all-owners\` lists it`,
      );
  }
}

/** Under the lab's lock; does nothing if the lab is in use again by then. */
export function removeAbandonedLabs(lab: string, progress: Progress, signal: AbortSignal): Promise<void> {
  return progress.step(`remove lab ${lab}, left by a killed command`, () =>
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
      `lab ${lab} runs on this machine too, ${running} nodes: the labs' figures disturb each other; \`${meshCommand("down", "--lab", lab)}\` removes it`,
    );
}
