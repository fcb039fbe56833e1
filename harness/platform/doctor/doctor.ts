import { request } from "undici";
import { type ErrorCode, MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { command, exists } from "../command.ts";
import { dockerInfo } from "../docker.ts";
import {
  availableMemoryBytes,
  cpuCount,
  deviceOf,
  freeDiskBytes,
  kernelConfig,
  kernelRelease,
  missingCapabilities,
  readNumber,
} from "../machine.ts";
import { cacheDir } from "../paths.ts";
import { dockerdPid } from "./setup.ts";

export interface MachineFinding {
  readonly name: string;
  /** `warn` is reported and does not stop a run. */
  readonly level: "ok" | "warn" | "bad";
  readonly found: string;
  readonly needed: string;
  readonly remedy?: string;
  /** The code of the error that ends a run if this finding is bad; `machine-unfit` by default. */
  readonly code?: ErrorCode;
}

const gib = 1024 ** 3;
const gibText = (bytes: number): string => `${(bytes / gib).toFixed(1)} GiB`;

/**
 * What a run needs, as measured: a lab of four nodes uses 3-4 GiB of memory; a build from an empty cache leaves 16 GiB
 * of caches and images and temporarily uses 4 GiB more; a lab's volumes use 7.2 GiB.
 */
export const needs = {
  memoryBytes: 5 * gib,
  buildDiskBytes: 25 * gib,
  labDiskBytes: 8 * gib,
  inotifyInstances: 512,
} as const;

/** From Cilium's System Requirements ("Linux Kernel"): without these no eBPF data plane, tunnel or health probe. */
const kernelOptions = [
  ...[
    "CONFIG_BPF",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_NET_CLS_BPF",
    "CONFIG_NET_CLS_ACT",
    "CONFIG_NET_SCH_INGRESS",
  ],
  ...[
    "CONFIG_CGROUP_BPF",
    "CONFIG_VXLAN",
    "CONFIG_VETH",
    "CONFIG_OVERLAY_FS",
    "CONFIG_PERF_EVENTS",
    "CONFIG_FIB_RULES",
  ],
  ...["CONFIG_NETFILTER_XT_MATCH_COMMENT", "CONFIG_NETFILTER_XT_MATCH_MARK"],
];

export interface DoctorOptions {
  /** Whether images must be built, which needs more disk space and Go. */
  readonly mustBuild: boolean;
  readonly registryMirror?: string;
  /** What the run needs beside what is already built; by default the documented need of a first run. */
  readonly space?: SpaceNeed;
  readonly signal?: AbortSignal;
}

/** Free space that a run needs below Docker's root, and below the cache. */
export interface SpaceNeed {
  readonly dockerBytes: number;
  readonly cacheBytes: number;
  /** What the figures follow from. */
  readonly basis: string;
}

export async function examine(options: DoctorOptions): Promise<MachineFinding[]> {
  const findings: MachineFinding[] = [];
  findings.push(...(await docker(options.signal)));
  findings.push(await kernel());
  findings.push(
    ...(options.space === undefined
      ? [await disk(options.mustBuild, options.signal)]
      : spaceFindings(await placesOf(options.signal), options.space)),
  );
  findings.push(memory(await availableMemoryBytes()));
  const instances = await readNumber("/proc/sys/fs/inotify/max_user_instances");
  findings.push({
    name: "inotify",
    level: instances >= needs.inotifyInstances ? "ok" : "bad",
    found: `max_user_instances ${instances}`,
    needed: `${needs.inotifyInstances} for four nodes`,
    remedy: `sysctl fs.inotify.max_user_instances=${needs.inotifyInstances * 2}, or \`doctor --fix\``,
  });
  findings.push({
    name: "CPUs",
    level: cpuCount() >= 2 ? "ok" : "bad",
    found: String(cpuCount()),
    needed: "2 cores; more make `up` and builds faster",
    remedy: "use a machine with two cores",
  });
  findings.push(...(await buildTools(options.mustBuild)));
  findings.push(...(await registries(options.registryMirror)));
  return findings;
}

async function docker(signal: AbortSignal | undefined): Promise<MachineFinding[]> {
  try {
    const info = await dockerInfo(signal);
    const findings: MachineFinding[] = [
      {
        name: "Docker",
        level: "ok",
        found: `daemon ${info.version}, cgroup v${info.cgroupVersion} (${info.cgroupDriver}), storage ${info.storageDriver}, runtime ${info.defaultRuntime}`,
        needed: "a daemon that this user may use",
      },
    ];
    const pid = await dockerdPid();
    const missing = await missingCapabilities(pid ?? "self");
    const wrapped = info.defaultRuntime !== "runc";
    findings.push({
      name: "capabilities",
      level: missing.length === 0 || wrapped ? "ok" : "bad",
      found:
        missing.length === 0
          ? "none missing"
          : `${missing.join(", ")} missing${wrapped ? `; runtime ${info.defaultRuntime} omits it` : ""}`,
      needed: "all that a privileged container requests, or an OCI runtime that omits the missing ones",
      remedy:
        "stop this Docker daemon and run `npm run mesh -- doctor --fix`, which starts one with such a runtime",
    });
    return findings;
  } catch (error) {
    if (!(error instanceof MeshproofError) || signal?.aborted === true) throw error;
    return [
      {
        name: "Docker",
        level: "bad",
        code: error.code,
        found: error.message,
        needed: "a daemon that this user may use",
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      },
    ];
  }
}

async function kernel(): Promise<MachineFinding> {
  const config = await kernelConfig();
  const missing = kernelOptions.filter((option) => config !== undefined && !config.has(option));
  const extras = ["CONFIG_NET_SCH_FQ", "CONFIG_NET_SCH_NETEM", "CONFIG_WIREGUARD", "CONFIG_NETKIT"].filter(
    (o) => config !== undefined && !config.has(o),
  );
  return {
    name: "kernel",
    level: config === undefined ? "warn" : missing.length === 0 ? "ok" : "bad",
    found:
      config === undefined
        ? `${kernelRelease()}, which publishes no configuration`
        : `${kernelRelease()}${missing.length === 0 ? "" : `, without ${missing.join(", ")}`}${extras.length === 0 ? "" : ` (no ${extras.join(", ")}: features that need them are unsupported)`}`,
    needed: kernelOptions.join(", "),
    remedy: "boot a kernel with these options",
  };
}

interface Place {
  readonly path: string;
  readonly free: number;
  /** Identifies the file system. */
  readonly device: number;
}
type Places = Readonly<Record<"docker" | "cache", Place>>;

const spaceRemedy =
  "`npm run mesh -- images prune` removes what the pins do not name; or free some space, or point XDG_CACHE_HOME and Docker's data-root at a larger disk";

async function placesOf(signal?: AbortSignal): Promise<Places> {
  const rootDir = await dockerInfo(signal).then(
    (i) => i.rootDir,
    (error: unknown) => {
      if (signal?.aborted === true) throw error;
      return "/var/lib/docker";
    },
  );
  const place = async (path: string): Promise<Place> => ({
    path,
    free: await freeDiskBytes(path),
    device: await deviceOf(path),
  });
  return { docker: await place(rootDir), cache: await place(cacheDir()) };
}

export async function disk(mustBuild: boolean, signal?: AbortSignal): Promise<MachineFinding> {
  const needed = mustBuild ? needs.buildDiskBytes : needs.labDiskBytes;
  const { docker, cache } = await placesOf(signal);
  return {
    name: "disk",
    code: "disk-short",
    level: Math.min(docker.free, cache.free) >= needed ? "ok" : "bad",
    found: `${gibText(docker.free)} free for Docker (${docker.path}), ${gibText(cache.free)} free for the cache (${cache.path})`,
    needed: `${gibText(needed)} ${mustBuild ? "to build images and run a lab" : "to run a lab"}`,
    remedy: spaceRemedy,
  };
}

/** One finding for each file system; one for both where Docker and the cache share it. `warn`: less than a quarter is spare. */
export function spaceFindings({ docker, cache }: Places, space: SpaceNeed): MachineFinding[] {
  const finding = (name: string, { path, free }: Place, bytes: number): MachineFinding => ({
    name,
    code: "disk-short",
    level: free < bytes ? "bad" : free < bytes * 1.25 ? "warn" : "ok",
    found: `${gibText(free)} free (${path}); a run needs about ${gibText(bytes)}`,
    needed: `${gibText(bytes)}, estimated for ${space.basis}`,
    remedy: spaceRemedy,
  });
  if (docker.device === cache.device)
    return [finding("disk for Docker and the cache", docker, space.dockerBytes + space.cacheBytes)];
  return [
    finding("disk for Docker", docker, space.dockerBytes),
    finding("disk for the cache", cache, space.cacheBytes),
  ];
}

export function memory(availableBytes: number): MachineFinding {
  return {
    name: "memory",
    code: "memory-short",
    level: availableBytes >= needs.memoryBytes ? "ok" : "bad",
    found: `${gibText(availableBytes)} available`,
    needed: `${gibText(needs.memoryBytes)} for four nodes`,
    remedy: "close other programs, or use a larger machine",
  };
}

async function buildTools(mustBuild: boolean): Promise<MachineFinding[]> {
  const level = mustBuild ? "bad" : "warn";
  const findings: MachineFinding[] = [];
  const go = (await exists("go")) ? (await command("go", ["version"], { tolerate: true })).stdout : "";
  findings.push({
    name: "Go",
    level: go === "" ? level : "ok",
    found: go === "" ? "no go program" : go.replace("go version ", ""),
    needed: "Go 1.26, to build kind and helm, and to build images from source",
    remedy: "install Go from go.dev or your distribution",
  });
  const bootstrap = await exists("mmdebstrap");
  findings.push({
    name: "mmdebstrap",
    level: bootstrap ? "ok" : level,
    found: bootstrap ? "installed" : "no mmdebstrap program",
    needed: "only to build images from source",
    remedy: "apt-get install mmdebstrap, or `doctor --fix`",
  });
  return findings;
}

export const publicRegistries = ["registry.k8s.io", "quay.io", "registry-1.docker.io"] as const;

/** Whether a registry answers: any HTTP status for `/v2/` counts, including 401. */
export async function registryAnswers(host: string, plainHttp: boolean): Promise<string | undefined> {
  try {
    const answer = await request(`${plainHttp ? "http" : "https"}://${host}/v2/`, {
      headersTimeout: 4000,
      bodyTimeout: 4000,
      signal: AbortSignal.timeout(5000),
    });
    await answer.body.dump();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function registries(mirror: string | undefined): Promise<MachineFinding[]> {
  const hosts: string[] = mirror === undefined ? [...publicRegistries] : [mirror];
  const answers = await Promise.all(hosts.map((host) => registryAnswers(host, host === mirror)));
  return hosts.map((host, i) => ({
    name: `registry ${host}`,
    level: answers[i] === undefined ? "ok" : "warn",
    found: answers[i] === undefined ? "answers" : `does not answer: ${answers[i]}`,
    needed: "only to pull images from a registry; otherwise they are built",
  }));
}
