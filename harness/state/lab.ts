import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { checkLabName } from "#harness/config/lab-name.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type LabState, labStateFormat } from "#harness/model/lab-state.ts";
import { lockFolder } from "#harness/platform/lock.ts";
import { isAlive, thisProcess } from "#harness/platform/machine.ts";
import { stateDir, writeAtomic } from "#harness/platform/paths.ts";

const labsDir = (): string => join(stateDir(), "labs");
export const labDir = (lab: string): string => join(labsDir(), checkLabName(lab));
/** The lab's Docker network, or that of one cluster alone. */
export const networkOf = (lab: string, cluster?: string): string =>
  `meshproof-${lab}${cluster === undefined ? "" : `--${cluster}`}`;
/** kind's name for a cluster; its node containers are `<this>-control-plane`, `<this>-worker`... */
export const kindNameOf = (lab: string, cluster: string): string => `meshproof-${lab}--${cluster}`;
export const kubeconfigOf = (lab: string, cluster: string): string =>
  join(labDir(lab), `${cluster}.kubeconfig`);

/** Undefined where there is no such lab; throws for a state that this Meshproof cannot use. */
export async function readLabState(lab: string): Promise<LabState | undefined> {
  const file = join(labDir(lab), "state.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined
    ? undefined
    : parseRecord(text, labStateFormat, {
        what: `the state of lab ${lab} (${file})`,
        remedy: `run \`npm run mesh -- down --lab ${lab}\`, then \`npm run mesh -- up --lab ${lab}\``,
        notJsonCode: "lab-broken",
      });
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
      cure: `run \`npm run mesh -- up --lab ${lab}\` first`,
    });
  }
  if (state.phase !== "up") {
    throw new MeshproofError("lab-missing", `lab ${lab} is half made (phase: ${state.phase})`, {
      cure: `run \`npm run mesh -- up --lab ${lab}\`, which repairs or rebuilds it`,
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
