import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName, kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { currentOwner, unlabelled } from "#harness/platform/owner.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";
import { type AnyLabState, type LabState, toCurrentVersion } from "./lab-state.ts";
import { hasLostLock } from "./lock.ts";

export type { LabState } from "./lab-state.ts";

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

function migrateState(lab: string, value: unknown): LabState {
  const isState = typeof value === "object" && value !== null && "plan" in value && "phase" in value;
  if (!isState) throw brokenState(lab, "holds no lab");
  const state = value as AnyLabState;
  if (![undefined, 1, 2, 3].includes(state.version))
    throw brokenState(lab, `has version ${String(state.version)}, not 1, 2 or 3`);
  if (!Array.isArray(state.plan?.clusters)) throw brokenState(lab, "holds no plan of clusters");
  try {
    return toCurrentVersion(state);
  } catch (error) {
    throw brokenState(lab, "cannot be read as that of an earlier version", error);
  }
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
