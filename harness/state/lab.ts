import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName, kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import type { LabPlan } from "#harness/config/plan.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { ProcessMark } from "#harness/model/process-mark.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { currentOwner, unlabelled } from "#harness/platform/owner.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";
import { hasLostLock } from "./lock.ts";

/** How far a lab got. Anything but `up` is half a lab: the next `up` repairs or rebuilds it. */
export type LabPhase = "creating" | "meshing" | "up" | "removing";

/** What outlives the process: written before the step it names begins. */
export interface LabState {
  readonly version: 2;
  readonly lab: string;
  /** The id of the owner whose labels and names the lab's containers carry; `unlabelled` for a lab of an earlier version. */
  readonly owner: string;
  readonly phase: LabPhase;
  readonly runId: string;
  readonly createdAt: string;
  /** The process that removes the lab at its end. A lab that is kept has none. */
  readonly remover?: ProcessMark;
  readonly plan: LabPlan;
  readonly artifacts: Artifacts;
}

/** As earlier versions wrote it: no owner, and the removing process under that name. */
interface LabStateV1 extends Omit<LabState, "version" | "owner" | "remover"> {
  readonly version?: 1;
  readonly owner?: ProcessMark;
}

const labsDir = (): string => join(stateDir(), "labs");
export const labDir = (lab: string): string => join(labsDir(), checkLabName(lab));
/** The network of a lab of this owner, or that of one of its clusters alone. */
export const networkOf = (lab: string, cluster?: string): string => {
  const { short } = currentOwner();
  return cluster === undefined ? labPrefix(short, lab) : kindNameIn(short, lab, cluster);
};
/** kind's name for a cluster of a lab of this owner. */
export const kindNameOf = (lab: string, cluster: string): string =>
  kindNameIn(currentOwner().short, lab, cluster);
export const kubeconfigOf = (lab: string, cluster: string): string =>
  join(labDir(lab), `${cluster}.kubeconfig`);

/** An earlier version's file is migrated. Throws `lab-broken` for one that cannot be read as a lab's state. */
export async function readLabState(lab: string): Promise<LabState | undefined> {
  let text: string;
  try {
    text = await readFile(join(labDir(lab), "state.json"), "utf8");
  } catch {
    return undefined;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw brokenState(lab, "is not JSON", error);
  }
  return migrateState(lab, value);
}

/**
 * A lab of an earlier version carries no owner, so its containers are nobody's own. External clusters have no containers
 * of ours: what is known of them is this state folder's.
 */
export function migrateState(lab: string, value: unknown): LabState {
  const isState = typeof value === "object" && value !== null && "plan" in value && "phase" in value;
  if (!isState) throw brokenState(lab, "holds no lab");
  const state = value as LabState | LabStateV1;
  if (state.version === 2) return state;
  if (state.version !== undefined && state.version !== 1)
    throw brokenState(lab, `has version ${String((state as { version: unknown }).version)}, not 1 or 2`);
  const { owner: remover, ...rest } = state;
  const isExternal = state.plan.clusters.length > 0 && state.plan.clusters.every((c) => c.own !== undefined);
  return {
    ...rest,
    version: 2,
    owner: isExternal ? currentOwner().id : unlabelled,
    ...(remover === undefined ? {} : { remover }),
  };
}

const brokenState = (lab: string, how: string, cause?: unknown): MeshproofError =>
  new MeshproofError("lab-broken", `the state file of lab ${lab} ${how}`, {
    cause,
    cure: `run \`${meshCommand("down", "--lab", lab)}\``,
  });

/** Whether this owner may change the lab: another's, or one of an earlier version, is left alone. */
export const isOwn = (state: Pick<LabState, "owner">): boolean => state.owner === currentOwner().id;

/** Throws `lab-foreign`, which says how to remove the lab, unless it is this owner's. */
export function requireOwn(state: Pick<LabState, "lab" | "owner">): void {
  if (!isOwn(state)) throw foreignLab(state);
}

/** The refusal to touch a lab of another owner. */
export function foreignLab({ lab, owner }: Pick<LabState, "lab" | "owner">, what = ""): MeshproofError {
  return new MeshproofError(
    "lab-foreign",
    `${what}lab ${lab} ${
      owner === unlabelled
        ? "was made by an earlier version of Meshproof and carries no owner"
        : `belongs to ${owner}, and this is ${currentOwner().id}`
    }`,
    {
      cure: `choose another --lab; if nobody needs that lab, \`${meshCommand("down", "--lab", lab, "--owner", owner)}\` removes it`,
    },
  );
}

export async function writeLabState(state: LabState): Promise<void> {
  await mkdir(labDir(state.lab), { recursive: true, mode: 0o700 });
  await writeAtomic(join(labDir(state.lab), "state.json"), `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** A lab that somebody was to remove is this command's now: to remove at its end, or to keep. A kept lab stays kept. */
export async function claimLab(state: LabState, keep: boolean): Promise<LabState> {
  requireOwn(state);
  if (state.remover === undefined) return state;
  const { remover: _, ...kept } = state;
  const claimed = keep ? kept : { ...kept, remover: await thisProcess() };
  await writeLabState(claimed);
  return claimed;
}

/** Whether the lab is this process's to remove: not once it lost the lab's lock, for somebody else may use it now. */
export const isMine = async (state: LabState): Promise<boolean> =>
  isOwn(state) &&
  !hasLostLock(state.lab) &&
  state.remover?.pid === process.pid &&
  (await isAlive(state.remover));

/** The state of a lab of this owner that is up; `lab-missing` or `lab-foreign` otherwise, with the cure. */
export async function requireLab(lab: string): Promise<LabState> {
  const state = await readLabState(lab);
  if (state === undefined) {
    throw new MeshproofError("lab-missing", `lab ${lab} is not up`, {
      cure: `run \`${meshCommand("up", "--lab", lab)}\` first`,
    });
  }
  requireOwn(state);
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
