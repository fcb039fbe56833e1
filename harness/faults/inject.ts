import { randomBytes } from "node:crypto";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { unixNowMs, wallLabel } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { JournalEntry, Undo } from "#harness/model/undo.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { readFaultJournal, removeFromJournal, writeFaultJournal } from "#harness/state/fault-journal.ts";
import type { Fault, FaultContext, Injected, InjectedFault, InjectOptions } from "./fault.ts";
import { lacked } from "./needs.ts";
import { undo } from "./undo.ts";

const healMs = 240_000;

/**
 * Records a fault in the lab's journal, injects it and waits for its effect; heals it immediately if there is none.
 */
export async function injectFault(fault: Fault, context: InjectOptions): Promise<InjectedFault> {
  const inject = injectionOf(fault, context.namespace);
  const { lab } = context.mesh.state;
  const missing = lacked(fault, context.mesh);
  if (missing !== undefined) {
    throw new MeshproofError(
      "usage",
      `fault ${fault.name} needs ${missing}, which lab ${lab} does not have`,
      {
        remedy: "use another lab or profile",
      },
    );
  }
  const id = `${fault.name}-${randomBytes(3).toString("hex")}`;
  const steps: Undo[] = [];
  const injectedAt = wallLabel();
  const owner = await thisProcess();
  let begunUnixMs: number | undefined;
  const recordUndo = async (...more: Undo[]): Promise<void> => {
    steps.push(...more);
    await writeFaultJournal(lab, { version: 1, id, fault: fault.name, injectedAt, ...owner, undo: steps });
    begunUnixMs = unixNowMs();
  };
  const undoAll = async (): Promise<void> => {
    await undoSteps(context.mesh, steps);
    await removeFromJournal(lab, id);
  };
  let done: Injected | undefined;
  try {
    const injected = await inject({
      ...context,
      mark: `meshproof:${id}`,
      recordUndo,
      runUndo: (step) => undo(context.mesh, step, context.signal),
    });
    done = injected;
    await injected.tookHold?.();
    let healing: Promise<void> | undefined;
    let healedByCaller = false;
    const healOnce = (): Promise<void> => {
      // `beforeHeal` checks the effect before healing; its error is thrown after healing, so the mesh is always
      // healed.
      healing ??= (async () => {
        const complaint = await injected.beforeHeal?.().then(
          () => undefined,
          (error: unknown) => error,
        );
        await undoAll();
        if (complaint !== undefined) throw complaint;
      })();
      return healing;
    };
    const heal = (): Promise<void> => {
      healedByCaller = true;
      return healOnce();
    };
    return {
      name: fault.name,
      subject: injected.subject,
      names: injected.names,
      begunUnixMs: begunUnixMs ?? unixNowMs(),
      heal,
      // The caller of `heal` has received the error; thrown again, it would be suppressed by itself.
      [Symbol.asyncDispose]: () => (healedByCaller ? healOnce().catch(() => {}) : healOnce()),
    };
  } catch (error) {
    // What runs for the fault must stop first; its own error adds nothing to this one.
    await done?.beforeHeal?.().catch(() => undefined);
    await undoAll();
    throw error;
  }
}

/** The injection of a fault in a namespace; throws `usage` if it needs one and there is none. */
function injectionOf(fault: Fault, namespace: string | undefined): (ctx: FaultContext) => Promise<Injected> {
  if (fault.needsNamespace !== true) return (ctx) => fault.inject(ctx);
  if (namespace === undefined)
    throw new MeshproofError("usage", `fault ${fault.name} works on a suite's objects`, {
      remedy: `use it with \`test SUITE --with-fault ${fault.name}\`, or give a namespace with --namespace`,
    });
  return (ctx) => fault.inject({ ...ctx, namespace });
}

/**
 * Heals the faults of killed commands and returns their names. Skips faults of running processes, which heal them.
 */
export async function healJournal(mesh: Mesh): Promise<string[]> {
  const healed: string[] = [];
  const failures: unknown[] = [];
  for (const entry of (await readFaultJournal(mesh.state.lab)).reverse()) {
    if (await ownerLives(entry)) continue;
    try {
      await undoSteps(mesh, entry.undo);
      await removeFromJournal(mesh.state.lab, entry.id);
      healed.push(entry.fault);
    } catch (error) {
      // The others are healed even if one fails.
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return healed;
}

/** Whether the process that injected a fault still runs and will heal it. */
export async function ownerLives(entry: JournalEntry): Promise<boolean> {
  return entry.pid !== process.pid && (await isAlive(entry));
}

async function undoSteps(mesh: Mesh, steps: readonly Undo[]): Promise<void> {
  const { lab } = mesh.state;
  const signal = AbortSignal.timeout(healMs);
  const failures: unknown[] = [];
  for (const step of steps.toReversed()) {
    try {
      await undo(mesh, step, signal);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0)
    throw new MeshproofError(
      "cleanup-failed",
      `${failures.length} of ${steps.length} undo steps failed: ${failures.map(messageOf).join("; ")}`,
      {
        cause: new AggregateError(failures),
        remedy: `run \`${meshCommand("heal", "--lab", lab)}\`; if that fails too, \`${meshCommand("down", "--lab", lab)}\``,
      },
    );
}
