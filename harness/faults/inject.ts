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

/** Injects a fault through the lab's journal and waits until it is seen to work; heals it at once where it does not. */
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
      // The effect is asked for first and told last: whatever it says, the mesh is healed.
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
      // Whoever healed by hand was told of the trouble: told twice it would hide itself.
      [Symbol.asyncDispose]: () => (healedByCaller ? healOnce().catch(() => {}) : healOnce()),
    };
  } catch (error) {
    // What runs for the fault must end first; its own complaint adds nothing to this one.
    await done?.beforeHeal?.().catch(() => undefined);
    await undoAll();
    throw error;
  }
}

/** The harm of a fault in a namespace; throws `usage` where it needs one and there is none. */
function injectionOf(fault: Fault, namespace: string | undefined): (ctx: FaultContext) => Promise<Injected> {
  if (fault.needsNamespace !== true) return (ctx) => fault.inject(ctx);
  if (namespace === undefined)
    throw new MeshproofError("usage", `fault ${fault.name} works on a suite's objects`, {
      remedy: `use it with \`test SUITE --with-fault ${fault.name}\`, or name a namespace with --namespace`,
    });
  return (ctx) => fault.inject({ ...ctx, namespace });
}

/** Heals what killed commands left; answers the names of the faults. A fault of a living process is left to it. */
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
      // The others must not stay for the sake of one.
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return healed;
}

/** Whether the process that injected a fault is still there to heal it. */
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
      `${failures.length} of ${steps.length} steps of healing failed: ${failures.map(messageOf).join("; ")}`,
      {
        cause: new AggregateError(failures),
        remedy: `run \`${meshCommand("heal", "--lab", lab)}\`; if that fails too, \`${meshCommand("down", "--lab", lab)}\``,
      },
    );
}
