import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName, kindNameIn, labPrefix } from "#harness/config/lab-name.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { PlannedCluster } from "#harness/model/lab-plan.ts";
import { type LabState, labStateFormat } from "#harness/model/lab-state.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { currentOwner, unlabelled } from "#harness/platform/owner.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";
import { hasLostLock } from "./lock.ts";

const labsDir = (): string => join(stateDir(), "labs");
export const labDir = (lab: string): string => join(labsDir(), checkLabName(lab));
/** The Docker network of a lab of this owner, or of one of its clusters. */
export const networkOf = (lab: string, cluster?: string): string => {
  const { short } = currentOwner();
  return cluster === undefined ? labPrefix(short, lab) : kindNameIn(short, lab, cluster);
};
/** kind's name for a cluster of a lab of this owner. */
export const kindNameOf = (lab: string, cluster: string): string =>
  kindNameIn(currentOwner().short, lab, cluster);
export const kubeconfigOf = (lab: string, cluster: string): string =>
  join(labDir(lab), `${cluster}.kubeconfig`);

/** Migrates files of earlier versions. Throws for a state that this version of Meshproof cannot use. */
export async function readLabState(lab: string): Promise<LabState | undefined> {
  const file = join(labDir(lab), "state.json");
  const what = `the state of lab ${lab} (${file})`;
  const remedy = `run \`${meshCommand("down", "--lab", lab)}\`, then \`${meshCommand("up", "--lab", lab)}\``;
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    // Only where there is none is there no lab.
    if (["ENOENT", "ENOTDIR"].includes(String((error as { code?: unknown }).code))) return undefined;
    throw new MeshproofError("lab-broken", `${what} cannot be read: ${messageOf(error)}`, {
      cause: error,
      remedy,
    });
  });
  return text === undefined
    ? undefined
    : parseRecord(text, labStateFormat(ownerBefore), { what, remedy, code: "lab-broken" });
}

/**
 * The owner of a lab of version 1, whose containers have no owner label. External clusters have no containers of
 * Meshproof, so a lab of external clusters belongs to the owner of this state folder.
 */
const ownerBefore = (clusters: readonly PlannedCluster[]): string =>
  clusters.length > 0 && clusters.every((c) => c.kind === "external") ? currentOwner().id : unlabelled;

/** Whether this owner may change the lab, which is not the case for labs of other owners and of earlier versions. */
export const isOwn = (state: Pick<LabState, "owner">): boolean => state.owner === currentOwner().id;

/** Throws `lab-foreign`, with the command to remove the lab, if it does not belong to this owner. */
export function requireOwn(state: Pick<LabState, "lab" | "owner">): void {
  if (!isOwn(state)) throw foreignLab(state);
}

/** The error for a lab of another owner. */
export function foreignLab({ lab, owner }: Pick<LabState, "lab" | "owner">, what = ""): MeshproofError {
  return new MeshproofError(
    "lab-foreign",
    `${what}lab ${lab} ${
      owner === unlabelled
        ? "was created by an earlier version of Meshproof and has no owner"
        : `belongs to ${owner}, not to ${currentOwner().id}`
    }`,
    {
      remedy: `choose another --lab; if that lab is not needed, \`${meshCommand("down", "--lab", lab, "--owner", owner)}\` removes it`,
    },
  );
}

export async function writeLabState(state: LabState): Promise<void> {
  await mkdir(labDir(state.lab), { recursive: true, mode: 0o700 });
  await writeAtomic(join(labDir(state.lab), "state.json"), `${JSON.stringify(state, null, 2)}\n`, 0o600);
}

/** Makes this process the remover of a lab that has one, or with `keep` removes the remover. A kept lab stays kept. */
export async function claimLab(state: LabState, keep: boolean): Promise<LabState> {
  requireOwn(state);
  if (state.remover === undefined) return state;
  const { remover: _, ...kept } = state;
  const claimed = keep ? kept : { ...kept, remover: await thisProcess() };
  await writeLabState(claimed);
  return claimed;
}

/** Whether this process must remove the lab. Not after it lost the lab's lock, because another command may use the lab. */
export const isHeldByThisProcess = async (state: LabState): Promise<boolean> =>
  isOwn(state) &&
  !hasLostLock(state.lab) &&
  state.remover?.pid === process.pid &&
  (await isAlive(state.remover));

/** The state of a lab of this owner that is up; `lab-missing` or `lab-foreign` otherwise, with the remedy. */
export async function requireLab(lab: string): Promise<LabState> {
  const state = await readLabState(lab);
  if (state === undefined) {
    throw new MeshproofError("lab-missing", `lab ${lab} is not up`, {
      remedy: `run \`${meshCommand("up", "--lab", lab)}\` first`,
    });
  }
  requireOwn(state);
  if (state.phase !== "up") {
    throw new MeshproofError("lab-missing", `lab ${lab} is incomplete (phase: ${state.phase})`, {
      remedy: `run \`${meshCommand("up", "--lab", lab)}\`, which repairs or rebuilds it`,
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
