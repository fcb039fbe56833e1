import { createHash } from "node:crypto";
import { MeshproofError } from "#harness/lib/errors.ts";
import { command, output, spawnLines } from "./command.ts";

/** On a node image: its CoreDNS image, if it is not kubeadm's default. */
export const corednsLabel = "io.meshproof.coredns";

export interface DockerInfo {
  readonly version: string;
  readonly cgroupVersion: string;
  readonly cgroupDriver: string;
  readonly storageDriver: string;
  readonly rootDir: string;
  readonly defaultRuntime: string;
}

/** Throws `docker-missing` or `docker-denied` with the remedy. The signal interrupts a daemon that hangs. */
export async function dockerInfo(signal?: AbortSignal): Promise<DockerInfo> {
  const result = await command("docker", ["info", "--format", "{{json .}}"], {
    tolerate: true,
    timeoutMs: 20_000,
    ...(signal === undefined ? {} : { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw new MeshproofError("docker-missing", "this machine has no docker program", {
      cause: error,
      remedy: "run `npm run mesh -- doctor --fix` (Debian, as root), or install Docker",
    });
  });
  let reported: Record<string, unknown> = {};
  try {
    reported = JSON.parse(result.stdout) as Record<string, unknown>;
  } catch {
    // An empty server version is judged below.
  }
  if (typeof reported.ServerVersion !== "string" || reported.ServerVersion === "") {
    const text = `${result.stderr} ${JSON.stringify(reported.ServerErrors ?? "")}`;
    if (text.includes("permission denied")) {
      throw new MeshproofError("docker-denied", "this user may not use the Docker daemon", {
        remedy: "run as root, or add the user to the `docker` group",
      });
    }
    throw new MeshproofError("docker-missing", "no Docker daemon answers", {
      remedy:
        "run `npm run mesh -- doctor --fix` (Debian, as root), or start Docker; `run --setup` does it too",
    });
  }
  return {
    version: reported.ServerVersion,
    cgroupVersion: String(reported.CgroupVersion ?? "unknown"),
    cgroupDriver: String(reported.CgroupDriver ?? "unknown"),
    storageDriver: String(reported.Driver ?? "unknown"),
    rootDir: String(reported.DockerRootDir ?? "/var/lib/docker"),
    defaultRuntime: String(reported.DefaultRuntime ?? "runc"),
  };
}

export async function dockerAnswers(signal?: AbortSignal): Promise<boolean> {
  return dockerInfo(signal).then(
    () => true,
    (error: unknown) => {
      if (signal?.aborted === true) throw error;
      return false;
    },
  );
}

/** The image's id (`sha256:...`); undefined if there is no such image. */
export async function imageId(reference: string): Promise<string | undefined> {
  const result = await command("docker", ["image", "inspect", "--format", "{{.Id}}", reference], {
    tolerate: true,
  });
  return result.exitCode === 0 ? result.stdout.trim() : undefined;
}

export async function imageLabel(reference: string, label: string): Promise<string | undefined> {
  const result = await command(
    "docker",
    ["image", "inspect", "--format", `{{ index .Config.Labels ${JSON.stringify(label)} }}`, reference],
    { tolerate: true },
  );
  return result.exitCode === 0 ? result.stdout.trim() : undefined;
}

export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly stopSignal?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Imports a tar as an image with one layer. */
export async function importImage(
  tar: string,
  reference: string,
  config: ImageConfig,
  signal: AbortSignal,
): Promise<void> {
  const changes: string[] = [];
  if (config.entrypoint !== undefined) changes.push(`ENTRYPOINT ${JSON.stringify(config.entrypoint)}`);
  if (config.cmd !== undefined) changes.push(`CMD ${JSON.stringify(config.cmd)}`);
  for (const [name, value] of Object.entries(config.env ?? {}))
    changes.push(`ENV ${name}=${JSON.stringify(value)}`);
  for (const [name, value] of Object.entries(config.labels ?? {}))
    changes.push(`LABEL ${name}=${JSON.stringify(value)}`);
  if (config.workdir !== undefined) changes.push(`WORKDIR ${config.workdir}`);
  await command("docker", ["import", ...changes.flatMap((c) => ["--change", c]), tar, reference], { signal });
  if (config.stopSignal !== undefined) {
    // `import` does not support STOPSIGNAL; the classic builder needs no registry for a local image.
    await command("docker", ["build", "--tag", reference, "-"], {
      input: `FROM ${reference}\nSTOPSIGNAL ${config.stopSignal}\n`,
      env: { DOCKER_BUILDKIT: "0" },
      signal,
    });
  }
}

export async function saveImages(
  references: readonly string[],
  file: string,
  signal: AbortSignal,
): Promise<void> {
  await command("docker", ["save", "-o", file, ...references], { signal });
}

export async function loadImages(file: string, signal: AbortSignal): Promise<void> {
  await command("docker", ["load", "-i", file], { signal });
}

/** Runs a program in a container and returns its output. */
export async function execIn(
  container: string,
  argv: readonly string[],
  options: {
    signal?: AbortSignal;
    tolerate?: boolean;
    input?: string;
    inputFile?: string;
    timeoutMs?: number;
  } = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const interactive = options.input !== undefined || options.inputFile !== undefined;
  return command("docker", ["exec", ...(interactive ? ["-i"] : []), container, ...argv], options);
}

/** Starts a program in a container with an open standard input and line output. */
export function execLines(container: string, argv: readonly string[], onLine: (line: string) => void) {
  return spawnLines("docker", ["exec", "-i", container, ...argv], onLine);
}

/** Ids of the objects with all of these labels. */
export async function listByLabels(
  kind: "container" | "volume",
  labels: readonly string[],
): Promise<string[]> {
  const filters = labels.flatMap((label) => ["--filter", `label=${label}`]);
  const args = kind === "container" ? ["ps", "-aq", ...filters] : [kind, "ls", "-q", ...filters];
  return (await output("docker", args)).split("\n").filter((id) => id !== "");
}

/**
 * Volumes created since a time that no container uses yet: the daemon is still creating their containers, and continues
 * even if the client that requested them is gone.
 */
export async function unclaimedVolumes(since: Date): Promise<string[]> {
  const names = (await output("docker", ["volume", "ls", "-q"])).split("\n").filter((n) => n !== "");
  const unclaimed: string[] = [];
  for (const name of names) {
    const created = await output("docker", ["volume", "inspect", "--format", "{{.CreatedAt}}", name]).catch(
      () => "",
    );
    // Docker reports full seconds.
    if (!(Date.parse(created.trim()) >= since.getTime() - 1000)) continue;
    if ((await output("docker", ["ps", "-aq", "--filter", `volume=${name}`])) === "") unclaimed.push(name);
  }
  return unclaimed;
}

/** Removes containers with their anonymous volumes; a container that is already removed is no error. */
export async function removeContainers(ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await command("docker", ["rm", "-f", "-v", ...ids], { tolerate: true });
}

/**
 * A bridge network, created if missing; `ipv6` also gives it a subnet of unique local addresses. Throws `lab-foreign`
 * if another owner's network has the name.
 */
export async function ensureNetwork(
  name: string,
  { labels, ipv6 }: { readonly labels: Readonly<Record<string, string>>; readonly ipv6: boolean },
): Promise<void> {
  const found = await command("docker", ["network", "inspect", "--format", "{{json .Labels}}", name], {
    tolerate: true,
  });
  if (found.exitCode === 0) {
    const carried = (JSON.parse(found.stdout) ?? {}) as Record<string, string>;
    if (Object.entries(labels).every(([key, value]) => carried[key] === value)) return;
    throw new MeshproofError(
      "lab-foreign",
      `Docker network ${name} already exists and does not belong to this lab`,
      {
        remedy: `choose another --lab, or remove the network if it is not needed: docker network rm ${name}`,
      },
    );
  }
  await command("docker", [
    "network",
    "create",
    "--driver=bridge",
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    "--opt",
    "com.docker.network.bridge.enable_ip_masquerade=true",
    // Docker chooses no IPv6 subnet by itself; RFC 4193 requires a unique prefix.
    ...(ipv6
      ? [
          "--ipv6",
          "--subnet",
          `fd${createHash("sha256")
            .update(name)
            .digest("hex")
            .slice(0, 10)
            .replace(/^(..)(....)(....)$/, "$1:$2:$3")}::/64`,
        ]
      : []),
    name,
  ]);
}

export async function networkSubnet(name: string): Promise<string> {
  const reported = JSON.parse(await output("docker", ["network", "inspect", name])) as {
    IPAM: { Config: { Subnet: string }[] };
  }[];
  const subnet = reported[0]?.IPAM.Config.find((c) => !c.Subnet.includes(":"))?.Subnet;
  if (subnet === undefined)
    throw new MeshproofError("lab-broken", `Docker network ${name} has no IPv4 subnet`);
  return subnet;
}

/** The address of a container on a network. */
export async function containerAddress(container: string, network: string): Promise<string> {
  const format = `{{ (index .NetworkSettings.Networks ${JSON.stringify(network)}).IPAddress }}`;
  return (await output("docker", ["inspect", "--format", format, container])).trim();
}

/** The networks of a running container; empty if there is no such container. */
export async function networksOfContainer(name: string): Promise<string[]> {
  const format = "{{range $network, $_ := .NetworkSettings.Networks}}{{$network}} {{end}}";
  const found = await command("docker", ["inspect", "--type", "container", "--format", format, name], {
    tolerate: true,
  }).catch(() => undefined);
  return found?.exitCode === 0 ? found.stdout.split(" ").filter((n) => n.trim() !== "") : [];
}

/** The host's own address on a network. */
export async function networkGateway(name: string): Promise<string> {
  return (
    await output("docker", ["network", "inspect", "--format", "{{ (index .IPAM.Config 0).Gateway }}", name])
  ).trim();
}

export async function pushImage(reference: string, as: string, signal: AbortSignal): Promise<void> {
  await command("docker", ["tag", reference, as], { signal });
  try {
    await command("docker", ["push", as], { signal });
  } finally {
    await command("docker", ["rmi", "--no-prune", as], { tolerate: true });
  }
}

export async function removeNetwork(name: string): Promise<void> {
  const found = await command("docker", ["network", "inspect", name], { tolerate: true });
  if (found.exitCode !== 0) return;
  // Containers of other owners on the network are disconnected, not removed.
  const [reported] = JSON.parse(found.stdout) as { Containers?: Record<string, unknown> }[];
  for (const id of Object.keys(reported?.Containers ?? {})) {
    await command("docker", ["network", "disconnect", "-f", name, id], { tolerate: true });
  }
  await command("docker", ["network", "rm", name]);
}
