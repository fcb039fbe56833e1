import { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { dockerInfo } from "#harness/platform/docker.ts";
import { currentOwner, shortOf, unlabelled } from "#harness/platform/owner.ts";
import { forgetPriority } from "#harness/platform/priority.ts";
import { forgetProgress } from "#harness/state/certification-progress.ts";
import { isSameLab, type LabKey } from "#harness/state/inventory.ts";
import { listLabs, readLabState, requireOwn } from "#harness/state/lab.ts";
import { withLab, workerOn } from "#harness/state/lock.ts";
import { everyFoundLab, everyLab, reapBuilds, reapForeign, reapLab } from "#harness/state/reap.ts";
import { removeManaged } from "./remove-managed.ts";

/**
 * Removes one lab of this owner and nothing else. Where its state cannot be read, Docker's labels tell what is its own, and
 * what is not is named. Throws `lab-foreign` for one of an earlier version.
 */
export async function downLab(lab: string, progress: Progress, signal: AbortSignal): Promise<string[]> {
  await dockerInfo();
  return withLab(lab, signal, async (held) => {
    const state = await readLabState(lab).catch((error: unknown) => {
      progress.note(`${messageOf(error)}: what Docker's labels say is of this lab is removed`);
      return undefined;
    });
    if (state !== undefined) requireOwn(state);
    const isReadable = state !== undefined || !(await listLabs()).includes(lab);
    if (state !== undefined && !isKindPlan(state.plan))
      await progress.step("remove Meshproof's objects from the external clusters", () =>
        removeManaged(new Mesh(state)),
      );
    const removed = await progress.step(`remove lab ${lab}`, () => reapLab(lab, held));
    await forgetProgress(lab);
    await forgetPriority();
    if (!isReadable) await noteWhatIsLeft(lab, progress);
    return removed;
  });
}

/** Of a lab whose state told nothing: what bears its name and no owner, and what Docker does not know of. */
async function noteWhatIsLeft(lab: string, progress: Progress): Promise<void> {
  const left = (await everyFoundLab()).find((f) => isSameLab(f, { lab, owner: unlabelled }));
  if (left !== undefined) {
    const names = [...left.containers, ...left.networks].map((o) => o.name).join(", ");
    const remove = meshCommand("down", "--lab", lab, "--owner", unlabelled);
    progress.note(`left, for they carry no owner: ${names}; \`${remove}\` removes them`);
  }
  progress.note(
    `if lab ${lab} was of external clusters, namespaces meshproof-* may be left there: \`npm run mesh -- test --context ...\` names them`,
  );
}

/**
 * Removes a lab of another owner, given by id. Throws `usage` for a malformed id, `lab-missing` if there is no such
 * lab, `lab-busy` while a command of that owner uses it, if their state folder is readable.
 */
export async function downForeign(key: LabKey, progress: Progress, signal: AbortSignal): Promise<string[]> {
  if (key.owner === currentOwner().id) return downLab(key.lab, progress, signal);
  if (key.owner !== unlabelled && shortOf(key.owner) === undefined && !/^[0-9a-f]{6}$/.test(key.owner))
    throw new MeshproofError("usage", `--owner ${JSON.stringify(key.owner)} is not an owner id`, {
      remedy: "`npm run mesh -- status --all-owners` lists labs and their owners",
    });
  await dockerInfo();
  const { foreign } = await everyLab();
  if (!foreign.some((f) => isSameLab(f, key)))
    throw new MeshproofError("lab-missing", `${key.owner} has no lab ${key.lab} here`, {
      remedy: "`npm run mesh -- status --all-owners` lists labs and their owners",
    });
  const folder = (await everyFoundLab()).find((f) => isSameLab(f, key))?.stateFolder;
  const worker = folder === undefined ? undefined : await workerOn(folder, key.lab);
  if (worker !== undefined)
    throw new MeshproofError(
      "lab-busy",
      `lab ${key.lab} of ${key.owner} is in use by process ${worker.pid}`,
      { remedy: "wait for that command to end" },
    );
  return progress.step(`remove lab ${key.lab} of ${key.owner}`, () => reapForeign(key, signal));
}

/**
 * Removes every lab of this owner and leftovers of killed image builds. A lab in use by another command is left alone
 * with a note; labs of other owners are named and left alone.
 */
export async function downAll(progress: Progress, signal: AbortSignal): Promise<string[]> {
  await dockerInfo();
  const removed: string[] = [];
  const busy: string[] = [];
  const { own, foreign } = await everyLab();
  for (const lab of own) {
    try {
      removed.push(...(await downLab(lab, progress, signal)));
    } catch (error) {
      if (!(error instanceof MeshproofError) || error.code !== "lab-busy") throw error;
      busy.push(lab);
    }
  }
  removed.push(...(await reapBuilds()));
  if (foreign.length > 0)
    progress.note(
      `not removed because they belong to other owners: ${foreign.map((f) => `lab ${f.lab} of ${f.owner}`).join(", ")}; \`npm run mesh -- down --lab NAME --owner OWNER\` removes one`,
    );
  if (busy.length > 0) {
    throw new MeshproofError(
      "lab-busy",
      `not removed because another command uses it: lab ${busy.join(", ")}`,
      { remedy: "end that command first" },
    );
  }
  return removed;
}
