import { readdir, readFile } from "node:fs/promises";
import { pause } from "#harness/core/eventually.ts";
import { output } from "#harness/host/command.ts";
import {
  buildLabel,
  containersOnNetwork,
  labLabel,
  listByLabel,
  removeContainers,
  removeNetwork,
} from "#harness/host/docker.ts";
import { forgetLab, kindNameOf, listLabs, networkOf, readLabState } from "./lab.ts";

/** Set in the environment of every child of a command that works on a lab: its orphans are found by it. */
export const labVariable = "MESHPROOF_LAB";

/**
 * Removes every container, network, volume, process and file of one lab, by name and label, whatever state it is
 * in. Idempotent; looks again until nothing is left, for an orphaned child may have been creating while it looked.
 */
export async function reapLab(lab: string, signal: AbortSignal): Promise<string[]> {
  const removed: string[] = [];
  for (const pid of await orphans(lab)) {
    try {
      process.kill(pid, "SIGKILL");
      removed.push(`process ${pid}`);
    } catch {
      // Gone by itself.
    }
  }
  for (let round = 0; round < 5; round++) {
    const ids = await labContainers(lab);
    if (ids.length === 0 && round > 0) break;
    if (ids.length > 0) {
      removed.push(...(await namesOf(ids)));
      await removeContainers(ids);
    }
    await pause(round === 0 ? 300 : 100, signal);
  }
  const networks = await listByLabel("network", `${labLabel}=${lab}`);
  if (networks.length > 0) removed.push(`network ${networkOf(lab)}`);
  await removeNetwork(networkOf(lab));
  const volumes = await listByLabel("volume", `${labLabel}=${lab}`);
  if (volumes.length > 0) await output("docker", ["volume", "rm", "-f", ...volumes]);
  await forgetLab(lab);
  return removed;
}

/** Every lab that left anything: state folders, networks and containers. */
export async function everyLab(): Promise<string[]> {
  const labs = new Set(await listLabs());
  const networks = await output("docker", [
    "network",
    "ls",
    "--filter",
    `label=${labLabel}`,
    "--format",
    "{{.Name}}",
  ]);
  for (const name of networks.split("\n"))
    if (name.startsWith("meshproof-")) labs.add(name.slice("meshproof-".length));
  const labelled = await output("docker", [
    "ps",
    "-a",
    "--filter",
    `label=${labLabel}`,
    "--format",
    `{{.Label "${labLabel}"}}`,
  ]);
  for (const lab of labelled.split("\n")) if (lab !== "") labs.add(lab);
  return [...labs].sort();
}

/** Containers that a killed image build left. */
export async function reapBuilds(): Promise<string[]> {
  const ids = await listByLabel("container", buildLabel);
  const names = ids.length === 0 ? [] : await namesOf(ids);
  await removeContainers(ids);
  return names;
}

/** By label, by network, and by the exact kind names of the recorded plan: a prefix would meet lab `a-b` from lab `a`. */
async function labContainers(lab: string): Promise<string[]> {
  const byLabel = await listByLabel("container", `${labLabel}=${lab}`);
  const onNetwork = await containersOnNetwork(networkOf(lab)).catch(() => []);
  const state = await readLabState(lab).catch(() => undefined);
  const byKind: string[] = [];
  for (const cluster of state?.plan.clusters ?? []) {
    byKind.push(
      ...(await listByLabel("container", `io.x-k8s.kind.cluster=${kindNameOf(lab, cluster.name)}`)),
    );
  }
  // Short and long ids name the same container: one removal each is enough.
  return [...new Set([...byLabel, ...onNetwork, ...byKind].map((id) => id.slice(0, 12)))];
}

async function namesOf(ids: readonly string[]): Promise<string[]> {
  const told = await output("docker", ["inspect", "--format", "{{.Name}}", ...ids]).catch(() => "");
  return told
    .split("\n")
    .filter((n) => n !== "")
    .map((n) => `container ${n.replace(/^\//, "")}`);
}

/** Processes that carry the lab's mark and are neither this one nor its ancestors or children. */
async function orphans(lab: string): Promise<number[]> {
  const family = new Set<number>([process.pid]);
  for (let pid = process.ppid; pid > 1; ) {
    family.add(pid);
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
  }
  const found: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || family.has(pid)) continue;
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (!environment.split("\0").includes(`${labVariable}=${lab}`)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
    if (parent !== process.pid) found.push(pid);
  }
  return found;
}
