import { readFileSync } from "node:fs";
import { readFile, stat, statfs } from "node:fs/promises";
import { availableParallelism, freemem, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";
import type { ProcessMark } from "#harness/model/process-mark.ts";

/** Capability numbers of linux/capability.h that containers of a lab request. */
const capabilityBits: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_BPF: 39,
};

/** Capabilities that privileged containers request and that a process's bounding set lacks. */
export async function missingCapabilities(pid: number | "self" = "self"): Promise<string[]> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const set = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return Object.entries(capabilityBits)
    .filter(([, bit]) => (set & (1n << BigInt(bit))) === 0n)
    .map(([name]) => name);
}

/** Free bytes on the file system of a path, which need not exist yet. */
export async function freeDiskBytes(path: string): Promise<number> {
  const reported = await statfs(await existingAbove(path));
  return reported.bavail * reported.bsize;
}

/** Identifies the file system of a path, which need not exist yet. */
export async function deviceOf(path: string): Promise<number> {
  return (await stat(await existingAbove(path))).dev;
}

async function existingAbove(path: string): Promise<string> {
  let existing = path;
  while ((await stat(existing).catch(() => undefined)) === undefined && existing !== "/")
    existing = dirname(existing);
  return existing;
}

export async function availableMemoryBytes(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kib = /^MemAvailable:\s+(\d+)/m.exec(text)?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

/** The kernel's build configuration, if it is published. */
export async function kernelConfig(): Promise<Map<string, string> | undefined> {
  const packed = await readFile("/proc/config.gz").catch(() => undefined);
  const text =
    packed === undefined
      ? await readFile(`/boot/config-${release()}`, "utf8").catch(() => undefined)
      : gunzipSync(packed).toString();
  if (text === undefined) return undefined;
  return new Map(
    [...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

export async function readNumber(path: string): Promise<number> {
  return Number((await readFile(path, "utf8").catch(() => "NaN")).trim());
}

export async function isDebianLike(): Promise<boolean> {
  return /^ID(_LIKE)?=.*debian/m.test(await readFile("/etc/os-release", "utf8").catch(() => ""));
}

/** What figures of two machines have in common if they may be pooled. */
export const machineClass = () => ({
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 1024 ** 3),
  kernel: /^\d+\.\d+/.exec(release())?.[0] ?? release(),
});

export const cpuCount = (): number => availableParallelism();
export const kernelRelease = (): string => release();
export const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * A file of /proc or of a control group; empty if it is gone. Read at once, because it waits for no disk: an asynchronous
 * read is five turns of the event loop, and on a busy machine hundreds of them took 24 s.
 */
export function kernelText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** `/proc/PID/stat`: the program's name, and the fields from the state on (proc(5), field 3). Undefined for an ended process. */
export function processStat(
  pid: number | string,
): { readonly name: string; readonly fields: string[] } | undefined {
  const stat = kernelText(`/proc/${pid}/stat`);
  // A name may contain brackets and spaces.
  const end = stat.lastIndexOf(")");
  if (end < 0) return undefined;
  return { name: stat.slice(stat.indexOf("(") + 1, end), fields: stat.slice(end + 2).split(" ") };
}

/** The fields without the name; empty for an ended process. */
export const statFields = (pid: number | string): string[] => processStat(pid)?.fields ?? [];

export async function thisProcess(): Promise<Required<ProcessMark>> {
  return {
    pid: process.pid,
    pidStart: processStart(process.pid) ?? "",
    bootId: await currentBoot(),
  };
}

/** Whether a process still runs, stopped or not; one of an earlier boot does not. */
export async function isAlive({ pid, pidStart, bootId }: ProcessMark): Promise<boolean> {
  if (bootId !== undefined && bootId !== (await currentBoot())) return false;
  return processStart(pid) === pidStart;
}

const currentBoot = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();

/** Start time of a process in kernel ticks, which with the pid identifies it. Undefined for an ended process or zombie. */
export function processStart(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields[0] === "Z" ? undefined : fields[19];
}
