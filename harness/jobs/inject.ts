import { Mesh } from "#harness/cluster/mesh.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { healJournal, injectFault, ownerLives } from "#harness/faults/inject.ts";
import { healLeftovers, workOn } from "#harness/lab/open-lab.ts";
import { eventually, notYet, pause, ready } from "#harness/lib/eventually.ts";
import { readFaultJournal } from "#harness/state/fault-journal.ts";
import { requireLab } from "#harness/state/lab.ts";

/** A fault that took effect, and its target. */
export interface HandInjection {
  readonly fault: string;
  readonly does: string;
  readonly subject: string;
}

/**
 * Injects a fault by hand and heals it at the end, also on Ctrl-C. Does not lock the lab: suites may run at the same
 * time. Without a duration it stays until `heal`.
 */
export async function injectByHand(options: {
  readonly lab: string;
  readonly fault: string;
  readonly seconds?: number;
  readonly namespace?: string;
  readonly onInjected: (injected: HandInjection) => void;
  readonly onInterrupted: () => void;
  /** What was done about what an earlier command left. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<HandInjection & { readonly interrupted: boolean }> {
  const fault = faultNamed(options.fault);
  const mesh = new Mesh(await workOn(options.lab));
  await healLeftovers(mesh, options.say);
  await using injected = await injectFault(fault, {
    mesh,
    signal: options.signal,
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
  });
  const hand = { fault: fault.name, does: fault.does, subject: injected.subject };
  options.onInjected(hand);
  let interrupted = false;
  await pause((options.seconds ?? 86_400) * 1000, options.signal).catch(() => {
    interrupted = true;
    options.onInterrupted();
  });
  await injected.heal();
  return { ...hand, interrupted };
}

/**
 * Heals every fault of the journal, and answers their names. A living command is asked to heal its own, as Ctrl-C would, and
 * waited for.
 */
export async function healByHand(lab: string): Promise<readonly string[]> {
  const mesh = new Mesh(await requireLab(lab));
  const healed: string[] = [];
  for (const entry of await readFaultJournal(lab)) {
    if (!(await ownerLives(entry))) continue;
    process.kill(entry.pid, "SIGTERM");
    await eventually(
      async () => {
        const left = (await readFaultJournal(lab)).some((e) => e.id === entry.id);
        return !left || !(await ownerLives(entry))
          ? ready(undefined)
          : notYet("healing is still in progress");
      },
      {
        what: `process ${entry.pid} to heal ${entry.fault}`,
        withinMs: 240_000,
        signal: AbortSignal.timeout(245_000),
      },
    );
    if (!(await readFaultJournal(lab)).some((e) => e.id === entry.id)) healed.push(entry.fault);
  }
  return [...healed, ...(await healJournal(mesh))];
}
