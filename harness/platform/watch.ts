import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "undici";
import { monotonicMs } from "#harness/lib/clock.ts";
import type { HostSample } from "#harness/model/host-sample.ts";
import { busiest, lookAtProcesses, type ProcessTicks } from "./busiest.ts";
import { output } from "./command.ts";
import { dockerInfo } from "./docker.ts";
import { freeDiskBytes, kernelText, statFields } from "./machine.ts";

const everyMs = 1000;
const ticksPerSecond = 100;

/** A daemon that is gone refuses at once; one on a busy machine may be as late as this. */
const dockerAnswersWithinMs = 15_000;

/** Above this use, other programs are inspected. Reading every process each second would itself be a disturbance. */
const worthALookCores = 0.4;

/** Samples the host every second until disposal, to distinguish trouble of the test machine from trouble of the mesh. */
export class HostWatch implements AsyncDisposable {
  readonly samples: HostSample[] = [];
  onSample: ((sample: HostSample) => void) | undefined;
  readonly #groups: readonly CpuGroup[];
  readonly #disks: readonly string[];
  readonly #docker = new Client("http://localhost", {
    socketPath: "/var/run/docker.sock",
    headersTimeout: dockerAnswersWithinMs,
    bodyTimeout: dockerAnswersWithinMs,
  });
  #timer: NodeJS.Timeout | undefined;
  #last: { atMs: number; busy: number; lab: number; own: number } | undefined;
  readonly #ended = new AbortController();
  #beside: readonly Promise<void>[] = [];
  #dockerAnswers = true;
  #freeDiskBytes = Number.POSITIVE_INFINITY;
  #much = false;
  #foreignNames: readonly string[] | undefined;

  private constructor(groups: readonly CpuGroup[], disks: readonly string[]) {
    this.#groups = groups;
    this.#disks = disks;
  }

  /** `containers`: the lab's nodes, whose work does not count as a disturbance. */
  static async start(containers: readonly string[], reportsDir: string): Promise<HostWatch> {
    const groups = await Promise.all(containers.map(cpuGroupOf));
    const { rootDir } = await dockerInfo();
    const watch = new HostWatch(
      groups.filter((g) => g !== undefined),
      [rootDir, reportsDir],
    );
    await watch.#measureDisks();
    watch.#next(monotonicMs() + everyMs);
    // Beside the samples, so that none waits for a late daemon, a slow disk, or a look at a thousand processes.
    watch.#beside = [watch.#pingDocker(), watch.#lookForOthers(), watch.#watchDisks()];
    return watch;
  }

  #next(dueMs: number): void {
    this.#timer = setTimeout(
      () => {
        const lateMs = monotonicMs() - dueMs;
        this.#sample(lateMs);
        this.#next(monotonicMs() + everyMs);
      },
      Math.max(0, dueMs - monotonicMs()),
    );
  }

  #sample(lateMs: number): void {
    const [busy, lab, own] = [busySeconds(), this.#labSeconds(), ownSeconds()];
    const atMs = monotonicMs();
    const last = this.#last;
    this.#last = { atMs, busy, lab, own };
    if (last === undefined) return;
    const spanS = (atMs - last.atMs) / 1000;
    const cores = {
      busyCores: (busy - last.busy) / spanS,
      labCores: Math.max(0, (lab - last.lab) / spanS),
      ownCores: Math.max(0, (own - last.own) / spanS),
    };
    this.#much = cores.busyCores - cores.labCores - cores.ownCores > worthALookCores;
    const foreignNames = this.#foreignNames;
    this.#foreignNames = undefined;
    const sample: HostSample = {
      atMs,
      ...cores,
      ...(foreignNames === undefined ? {} : { foreignNames: [...foreignNames] }),
      lateMs,
      freeDiskBytes: this.#freeDiskBytes,
      dockerAnswers: this.#dockerAnswers,
    };
    this.samples.push(sample);
    this.onSample?.(sample);
  }

  /** Names busy programs other than the lab and the harness, for the next sample. It takes two looks. */
  async #lookForOthers(): Promise<void> {
    let before: ProcessTicks | undefined;
    while (await this.#pause(everyMs)) {
      const look = this.#much ? await lookAtProcesses().catch(() => undefined) : undefined;
      if (before !== undefined && look !== undefined) {
        const own = ownPids();
        this.#foreignNames = await busiest(before, look, async (pid) => {
          if (own.has(pid)) return true;
          const groups = kernelText(`/proc/${pid}/cgroup`);
          return this.#groups.some((g) => groups.includes(g.path));
        });
      }
      before = look;
    }
  }

  async #measureDisks(): Promise<void> {
    this.#freeDiskBytes = Math.min(...(await Promise.all(this.#disks.map(freeDiskBytes))));
  }

  async #watchDisks(): Promise<void> {
    while (await this.#pause(everyMs)) await this.#measureDisks().catch(() => {});
  }

  /** After a failure it asks again sooner, so that one late answer is not taken for a daemon that is gone. */
  async #pingDocker(): Promise<void> {
    do this.#dockerAnswers = await this.#ping();
    while (await this.#pause(this.#dockerAnswers ? everyMs : everyMs / 4));
  }

  /** False once the watch has ended. */
  #pause = (ms: number): Promise<boolean> =>
    delay(ms, undefined, { signal: this.#ended.signal }).then(
      () => true,
      () => false,
    );

  #labSeconds(): number {
    const read = this.#groups.map(({ file }) => {
      const text = kernelText(file);
      const micro = /usage_usec (\d+)/.exec(text)?.[1];
      return micro === undefined ? Number(text) / 1e9 : Number(micro) / 1e6;
    });
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
    this.#ended.abort();
    await this.#docker.destroy();
    await Promise.all(this.#beside);
  }
}

/** A container's control group, and the kernel's file with its processor time. */
interface CpuGroup {
  readonly path: string;
  readonly file: string;
}

/** Undefined if it cannot be determined. */
async function cpuGroupOf(container: string): Promise<CpuGroup | undefined> {
  const [pid, id] = (
    await output("docker", ["inspect", "--format", "{{.State.Pid}} {{.Id}}", container])
  ).split(" ");
  const groups = kernelText(`/proc/${pid}/cgroup`);
  for (const line of groups.split("\n")) {
    const [, controllers, path] = line.split(":");
    const at = path?.indexOf(id ?? "?") ?? -1;
    if (path === undefined || at < 0) continue;
    const own = path.slice(0, path.indexOf("/", at) < 0 ? undefined : path.indexOf("/", at));
    if (controllers === "") return { path: own, file: join("/sys/fs/cgroup", own, "cpu.stat") };
    if (controllers?.split(",").includes("cpuacct"))
      return { path: own, file: join("/sys/fs/cgroup/cpuacct", own, "cpuacct.usage") };
  }
  return undefined;
}

/** Busy time of all processors: everything but idle and waiting for disks. */
function busySeconds(): number {
  const [line = ""] = kernelText("/proc/stat").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Processor time of this process and its living descendants, without reading other processes. */
function ownSeconds(): number {
  let ticks = 0;
  for (const pid of ownPids()) {
    const fields = statFields(pid);
    for (const i of [11, 12, 13, 14]) ticks += Number(fields[i] ?? 0);
  }
  return ticks / ticksPerSecond;
}

function ownPids(): ReadonlySet<string> {
  const pids = new Set<string>();
  const open = [String(process.pid)];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    pids.add(pid);
    const children = kernelText(`/proc/${pid}/task/${pid}/children`);
    open.push(...children.split(" ").filter((c) => c !== ""));
  }
  return pids;
}
