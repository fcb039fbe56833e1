import { readdir, readFile } from "node:fs/promises";
import { checkLabName } from "#harness/config/lab-name.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { output } from "#harness/platform/command.ts";
import {
  buildContainers,
  labLabel,
  listByLabel,
  removeContainers,
  removeNetwork,
  unclaimedVolumes,
} from "#harness/platform/docker.ts";
import { statFields } from "#harness/platform/machine.ts";
import { forgetLab, listLabs, networkOf, readLabState, writeLabState } from "./lab.ts";

/** Set in the environment of every child of a command that works on a lab: its orphans are found by it. */
export const labVariable = "MESHPROOF_CHILD_OF_LAB";

/** The longest that the daemon may go on creating nodes after their client was killed: each copies the image's /var. */
const creationMs = 90_000;

/**
 * Removes every container, network, volume, process and file of one lab, by name and label, whatever state it is
 * in. Idempotent; looks again until nothing is left, for an orphaned child may have been creating while it looked.
 */
export async function reapLab(lab: string, signal: AbortSignal): Promise<string[]> {
  const state = await readLabState(lab).catch(() => undefined);
  // From here on it is no lab that is up, whatever happens to this command.
  if (state?.plan !== undefined && state.phase !== "creating")
    await writeLabState({ ...state, phase: "removing" });
  const removed = await killOrphans(lab);
  const since = new Date(state?.createdAt ?? Date.now());
  const deadlineMs = monotonicMs() + creationMs;
  for (let quiet = 0; quiet < 3; ) {
    const ids = await labContainers(lab);
    if (ids.length > 0) {
      removed.push(...(await namesOf(ids)));
      await removeContainers(ids);
    }
    // A node that is being created has no container to show yet, but its volume: it is waited for.
    const pending =
      state?.phase === "creating" && monotonicMs() < deadlineMs ? await unclaimedVolumes(since) : [];
    quiet = ids.length === 0 && pending.length === 0 ? quiet + 1 : 0;
    await pause(200, signal);
  }
  const networks = await labNetworks(lab);
  removed.push(...networks.map((network) => `network ${network}`));
  for (const network of new Set([...networks, networkOf(lab)])) await removeNetwork(network);
  const volumes = await listByLabel("volume", `${labLabel}=${lab}`);
  if (volumes.length > 0) await output("docker", ["volume", "rm", "-f", ...volumes]);
  await forgetLab(lab);
  return removed;
}

/** Ends processes that a killed command of this lab left. */
export async function killOrphans(lab: string): Promise<string[]> {
  const killed: string[] = [];
  for (const pid of await orphans(lab)) {
    try {
      process.kill(pid, "SIGKILL");
      killed.push(`process ${pid}`);
    } catch {
      // Gone by itself.
    }
  }
  return killed;
}

/** Every lab that left anything: state folders, networks and containers. */
export async function everyLab(): Promise<string[]> {
  const labs = new Set(await listLabs());
  const networks = await networkNames(labLabel);
  const told = [...networks, ...(await nodeNetworks()).map((n) => n.network)].map(labOfNetwork);
  for (const lab of told) if (lab !== undefined) labs.add(lab);
  const labelled = await output("docker", [
    "ps",
    "-a",
    "--filter",
    `label=${labLabel}`,
    "--format",
    `{{.Label "${labLabel}"}}`,
  ]);
  for (const lab of labelled.split("\n")) if (lab !== "") labs.add(lab);
  for (const lab of await labsOfProcesses()) labs.add(lab);
  return [...labs].filter(isLabName).sort();
}

/** Containers that a killed image build left. */
export async function reapBuilds(): Promise<string[]> {
  const ids = await buildContainers();
  const names = ids.length === 0 ? [] : await namesOf(ids);
  await removeContainers(ids);
  return names;
}

/** By our label, and kind's nodes by the network they were created on: told by the container itself, with no state. */
async function labContainers(lab: string): Promise<string[]> {
  const byLabel = await listByLabel("container", `${labLabel}=${lab}`);
  const nodes = (await nodeNetworks()).filter((n) => labOfNetwork(n.network) === lab).map((n) => n.id);
  return [...new Set([...byLabel, ...nodes].map((id) => id.slice(0, 12)))];
}

const labNetworks = (lab: string): Promise<string[]> => networkNames(`${labLabel}=${lab}`);

async function networkNames(label: string): Promise<string[]> {
  const told = await output("docker", [
    ...["network", "ls", "--filter", `label=${label}`],
    ...["--format", "{{.Name}}"],
  ]);
  return told.split("\n").filter((name) => name !== "");
}

/** Of `meshproof-LAB`, or `meshproof-LAB--CLUSTER` for a cluster on a network of its own; other networks are nobody's. */
const labOfNetwork = (network: string): string | undefined => /^meshproof-(.+?)(--.*)?$/.exec(network)?.[1];

async function nodeNetworks(): Promise<{ id: string; network: string }[]> {
  const ids = await listByLabel("container", "io.x-k8s.kind.cluster");
  if (ids.length === 0) return [];
  const told = await output("docker", [
    "inspect",
    "--format",
    "{{.Id}} {{.HostConfig.NetworkMode}}",
    ...ids,
  ]).catch(() => "");
  return told
    .split("\n")
    .map((line) => line.split(" "))
    .map(([id, network]) => ({ id: id ?? "", network: network ?? "" }))
    .filter((n) => n.id !== "");
}

async function namesOf(ids: readonly string[]): Promise<string[]> {
  const told = await output("docker", ["inspect", "--format", "{{.Name}}", ...ids]).catch(() => "");
  return told
    .split("\n")
    .filter((n) => n !== "")
    .map((n) => `container ${n.replace(/^\//, "")}`);
}

function isLabName(name: string): boolean {
  try {
    checkLabName(name);
    return true;
  } catch {
    return false;
  }
}

/** Labs that some process carries the mark of. */
async function labsOfProcesses(): Promise<string[]> {
  const labs: string[] = [];
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    const mark = environment.split("\0").find((v) => v.startsWith(`${labVariable}=`));
    if (mark !== undefined) labs.push(mark.slice(labVariable.length + 1));
  }
  return labs;
}

/** Processes that carry the lab's mark and are neither this one nor its ancestors or children. */
async function orphans(lab: string): Promise<number[]> {
  const family = new Set<number>([process.pid]);
  for (let pid = process.ppid; pid > 1; ) {
    family.add(pid);
    pid = Number((await statFields(pid))[1] ?? 0);
  }
  const found: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || family.has(pid)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(`${labVariable}=${lab}`)) continue;
    const parent = Number((await statFields(pid))[1] ?? 0);
    if (parent !== process.pid) found.push(pid);
  }
  return found;
}
