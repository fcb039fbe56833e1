import { isLabName } from "#harness/config/lab-name.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { abandonedBuilds } from "#harness/platform/build-containers.ts";
import { output } from "#harness/platform/command.ts";
import { listByLabels, removeContainers, removeNetwork, unclaimedVolumes } from "#harness/platform/docker.ts";
import { listDocker } from "#harness/platform/docker-listing.ts";
import { currentOwner, labFilters, unlabelled } from "#harness/platform/owner.ts";
import { type FoundLab, findLabs, isSameLab, type LabKey } from "./inventory.ts";
import { forgetLab, listLabs, readLabState, requireOwn, writeLabState } from "./lab.ts";
import { killOrphans, labsOfProcesses } from "./processes.ts";

/** How long the daemon may continue to create nodes after their client was killed: each copies the image's /var. */
const creationMs = 90_000;

/**
 * Removes every container, network, volume, process and file of one lab of this owner, by label and name, in any state.
 * Idempotent. Throws `lab-foreign` if the lab in the state folder belongs to another owner.
 */
export async function reapLab(lab: string, signal: AbortSignal): Promise<string[]> {
  const state = await readLabState(lab).catch(() => undefined);
  if (state !== undefined) requireOwn(state);
  // From now on the lab counts as incomplete, even if this command is killed.
  if (state !== undefined && state.phase !== "creating") await writeLabState({ ...state, phase: "removing" });
  const creatingSince = state?.phase === "creating" ? new Date(state.createdAt) : undefined;
  const removed = await removeObjects({ lab, owner: currentOwner().id }, creatingSince, signal);
  await forgetLab(lab);
  return removed;
}

/** Removes another owner's lab from Docker and its processes; the user named the owner. Keeps the owner's files. */
export async function reapForeign(key: LabKey, signal: AbortSignal): Promise<string[]> {
  const removed = await removeObjects(key, undefined, signal);
  const state = await readLabState(key.lab).catch(() => undefined);
  // A lab of an earlier version, or of another user with the same state folder.
  if (state?.owner === key.owner) await forgetLab(key.lab);
  return removed;
}

/** Repeats until nothing is left, because an orphaned child may create objects meanwhile. */
async function removeObjects(
  key: LabKey,
  creatingSince: Date | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const removed = await killOrphans(key);
  const deadlineMs = monotonicMs() + creationMs;
  for (let quiet = 0; quiet < 3; ) {
    const containers = (await findLab(key))?.containers ?? [];
    removed.push(...containers.map((c) => `container ${c.name}`));
    await removeContainers(containers.map((c) => c.id));
    // A node in creation already has a volume but no container yet: wait for it.
    const pending =
      creatingSince !== undefined && monotonicMs() < deadlineMs ? await unclaimedVolumes(creatingSince) : [];
    quiet = containers.length === 0 && pending.length === 0 ? quiet + 1 : 0;
    await pause(200, signal);
  }
  for (const { id, name } of (await findLab(key))?.networks ?? []) {
    removed.push(`network ${name}`);
    await removeNetwork(id);
  }
  const volumes =
    key.owner === unlabelled ? [] : await listByLabels("volume", labFilters(key.lab, { id: key.owner }));
  if (volumes.length > 0) await output("docker", ["volume", "rm", "-f", ...volumes]);
  return removed;
}

/** Every lab of every owner with objects in Docker. */
export const everyFoundLab = async (): Promise<FoundLab[]> => findLabs(await listDocker(), currentOwner());

const findLab = async (key: LabKey): Promise<FoundLab | undefined> =>
  (await everyFoundLab()).find((found) => isSameLab(found, key));

/** Every lab with state folders, containers, networks or processes, of this owner and of others. */
export async function everyLab(): Promise<{ own: string[]; foreign: LabKey[] }> {
  const self = currentOwner().id;
  const found: LabKey[] = [...(await everyFoundLab()), ...(await labsOfProcesses())];
  for (const lab of await listLabs()) {
    // A lab whose state cannot be read still belongs to the owner of this state folder.
    const owner = await readLabState(lab).then(
      (state) => state?.owner ?? self,
      () => self,
    );
    found.push({ lab, owner });
  }
  return sortByOwner(found, self);
}

/** Names of this owner's labs, and keys of others' labs, without duplicates. */
export function sortByOwner(found: readonly LabKey[], self: string): { own: string[]; foreign: LabKey[] } {
  const own = new Set<string>();
  const foreign: LabKey[] = [];
  for (const { lab, owner } of found.filter((f) => isLabName(f.lab))) {
    if (owner === self) own.add(lab);
    else if (!foreign.some((f) => isSameLab(f, { lab, owner }))) foreign.push({ lab, owner });
  }
  return { own: [...own].sort(), foreign };
}

/** Removes containers that a killed image build of this owner left behind. */
export async function reapBuilds(): Promise<string[]> {
  const builds = await abandonedBuilds();
  await removeContainers(builds.map((b) => b.id));
  return builds.map((b) => `container ${b.name}`);
}
