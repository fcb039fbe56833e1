import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "undici";
import { monotonicMs } from "#harness/core/clock.ts";
import type { HostSample } from "#harness/core/host-sample.ts";
import { output } from "./command.ts";
import { dockerInfo } from "./docker.ts";
import { freeDiskBytes, statFields } from "./machine.ts";

const everyMs = 1000;
const ticksPerSecond = 100;

/** Samples the host every second until it is disposed: what tells the rig's trouble from the mesh's. */
export class HostWatch implements AsyncDisposable {
  readonly samples: HostSample[] = [];
  onSample: ((sample: HostSample) => void) | undefined;
  readonly #cpuFiles: readonly string[];
  readonly #disks: readonly string[];
  readonly #docker = new Client("http://localhost", {
    socketPath: "/var/run/docker.sock",
    headersTimeout: 5000,
    bodyTimeout: 5000,
  });
  #timer: NodeJS.Timeout | undefined;
  #last: { atMs: number; busy: number; lab: number; own: number } | undefined;
  #running = Promise.resolve();

  private constructor(cpuFiles: readonly string[], disks: readonly string[]) {
    this.#cpuFiles = cpuFiles;
    this.#disks = disks;
  }

  /** `containers`: the lab's nodes, whose work is no disturbance. */
  static async start(containers: readonly string[], reportsDir: string): Promise<HostWatch> {
    const files = await Promise.all(containers.map(cpuFileOf));
    const { rootDir } = await dockerInfo();
    const watch = new HostWatch(
      files.filter((f) => f !== undefined),
      [rootDir, reportsDir],
    );
    watch.#next(monotonicMs() + everyMs);
    return watch;
  }

  #next(dueMs: number): void {
    this.#timer = setTimeout(
      () => {
        const lateMs = monotonicMs() - dueMs;
        this.#running = this.#sample(lateMs)
          .catch(() => {})
          .finally(() => {
            if (this.#timer !== undefined) this.#next(monotonicMs() + everyMs);
          });
      },
      Math.max(0, dueMs - monotonicMs()),
    );
  }

  async #sample(lateMs: number): Promise<void> {
    const [busy, lab, own, disks, dockerAnswers] = await Promise.all([
      busySeconds(),
      this.#labSeconds(),
      ownSeconds(),
      Promise.all(this.#disks.map(freeDiskBytes)),
      this.#ping(),
    ]);
    const atMs = monotonicMs();
    const last = this.#last;
    this.#last = { atMs, busy, lab, own };
    if (last === undefined) return;
    const spanS = (atMs - last.atMs) / 1000;
    const sample: HostSample = {
      atMs,
      busyCores: (busy - last.busy) / spanS,
      labCores: Math.max(0, (lab - last.lab) / spanS),
      ownCores: Math.max(0, (own - last.own) / spanS),
      lateMs,
      freeDiskBytes: Math.min(...disks),
      dockerAnswers,
    };
    this.samples.push(sample);
    this.onSample?.(sample);
  }

  async #labSeconds(): Promise<number> {
    const read = await Promise.all(
      this.#cpuFiles.map(async (file) => {
        const text = await readFile(file, "utf8").catch(() => "0");
        const micro = /usage_usec (\d+)/.exec(text)?.[1];
        return micro === undefined ? Number(text) / 1e9 : Number(micro) / 1e6;
      }),
    );
    return read.reduce((a, b) => a + b, 0);
  }

  async #ping(): Promise<boolean> {
    try {
      const answer = await this.#docker.request({ method: "GET", path: "/_ping" });
      await answer.body.dump();
      return answer.statusCode === 200;
    } catch {
      return false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
    await this.#docker.destroy();
  }
}

/** Where the kernel counts a container's processor time; nothing where it cannot be told. */
async function cpuFileOf(container: string): Promise<string | undefined> {
  const [pid, id] = (
    await output("docker", ["inspect", "--format", "{{.State.Pid}} {{.Id}}", container])
  ).split(" ");
  const groups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  for (const line of groups.split("\n")) {
    const [, controllers, path] = line.split(":");
    const at = path?.indexOf(id ?? "?") ?? -1;
    if (path === undefined || at < 0) continue;
    const own = path.slice(0, path.indexOf("/", at) < 0 ? undefined : path.indexOf("/", at));
    if (controllers === "") return join("/sys/fs/cgroup", own, "cpu.stat");
    if (controllers?.split(",").includes("cpuacct"))
      return join("/sys/fs/cgroup/cpuacct", own, "cpuacct.usage");
  }
  return undefined;
}

/** Busy time of all processors: everything but idle and waiting for disks. */
async function busySeconds(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/**
 * Processor time of this process and its living descendants. Only they are read: a look at every process of the host
 * each second would be a disturbance of its own.
 */
async function ownSeconds(): Promise<number> {
  let ticks = 0;
  for (const open = [String(process.pid)]; open.length > 0; ) {
    const pid = open.pop()!;
    const fields = await statFields(pid);
    for (const i of [11, 12, 13, 14]) ticks += Number(fields[i] ?? 0);
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "latin1").catch(() => "");
    open.push(...children.split(" ").filter((c) => c !== ""));
  }
  return ticks / ticksPerSecond;
}
