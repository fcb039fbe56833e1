import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName } from "#harness/config/lab-name.ts";
import type { LabPlan } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";

/** How far a lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
export type LabPhase = "creating" | "meshing" | "up" | "removing";

/** What outlives the process: written before the step it names begins. */
export interface LabState {
  readonly version: 1;
  readonly lab: string;
  readonly phase: LabPhase;
  readonly runId: string;
  readonly createdAt: string;
  /** The process that removes the lab at its end. A lab that is kept has none. */
  readonly owner?: ProcessMark;
  readonly plan: LabPlan;
  readonly artifacts: Artifacts;
}

const labsDir = (): string => join(stateDir(), "labs");
export const labDir = (lab: string): string => join(labsDir(), checkLabName(lab));
/** The lab's Docker network, or that of one cluster alone. */
export const networkOf = (lab: string, cluster?: string): string =>
  `meshproof-${lab}${cluster === undefined ? "" : `--${cluster}`}`;
/** kind's name for a cluster; its node containers are `<this>-control-plane`, `<this>-worker`... */
export const kindNameOf = (lab: string, cluster: string): string => `meshproof-${lab}--${cluster}`;
export const kubeconfigOf = (lab: string, cluster: string): string =>
  join(labDir(lab), `${cluster}.kubeconfig`);

export async function readLabState(lab: string): Promise<LabState | undefined> {
  let text: string;
  try {
    text = await readFile(join(labDir(lab), "state.json"), "utf8");
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as LabState;
  } catch (error) {
    throw new MeshproofError("lab-broken", `the state file of lab ${lab} is not JSON`, {
      cause: error,
      cure: `run \`${meshCommand("down", "--lab", lab)}\``,
    });
  }
}

export async function writeLabState(state: LabState): Promise<void> {
  await mkdir(labDir(state.lab), { recursive: true, mode: 0o700 });
  await writeAtomic(join(labDir(state.lab), "state.json"), `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** A lab that somebody was to remove is this command's now: to remove at its end, or to keep. A kept lab stays kept. */
export async function claimLab(state: LabState, keep: boolean): Promise<LabState> {
  if (state.owner === undefined) return state;
  const { owner: _, ...kept } = state;
  const claimed = keep ? kept : { ...kept, owner: await thisProcess() };
  await writeLabState(claimed);
  return claimed;
}

/** Whether the lab is this process's to remove. */
export const isMine = async ({ owner }: LabState): Promise<boolean> =>
  owner?.pid === process.pid && (await isAlive(owner));

/** The state of a lab that is up; `lab-missing` otherwise, with the cure. */
export async function requireLab(lab: string): Promise<LabState> {
  const state = await readLabState(lab);
  if (state === undefined) {
    throw new MeshproofError("lab-missing", `lab ${lab} is not up`, {
      cure: `run \`${meshCommand("up", "--lab", lab)}\` first`,
    });
  }
  if (state.phase !== "up") {
    throw new MeshproofError("lab-missing", `lab ${lab} is half made (phase: ${state.phase})`, {
      cure: `run \`${meshCommand("up", "--lab", lab)}\`, which repairs or rebuilds it`,
    });
  }
  return state;
}

export async function listLabs(): Promise<string[]> {
  return (await readdir(labsDir(), { withFileTypes: true }).catch(() => []))
    .filter((e) => e.isDirectory())
    .map((e) => e.name);
}

export async function forgetLab(lab: string): Promise<void> {
  await rm(labDir(lab), { recursive: true, force: true });
}

const held = new Set<string>();

/** One command at a time changes or tests a lab. A killed holder's lock frees itself within 15 s. */
export async function lockLab(lab: string): Promise<AsyncDisposable> {
  checkLabName(lab);
  // Nested calls of one command share the lock: `run` holds it from `up` to `down`.
  if (held.has(lab)) return { [Symbol.asyncDispose]: async () => {} };
  const lock = await lockFolder(join(stateDir(), "locks", lab), { what: `lab ${lab}`, waitMs: 20_000 });
  held.add(lab);
  return {
    async [Symbol.asyncDispose]() {
      held.delete(lab);
      await lock[Symbol.asyncDispose]();
    },
  };
}
