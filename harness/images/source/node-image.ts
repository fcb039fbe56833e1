import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, notYet, preparedWithinMs, ready } from "#harness/lib/eventually.ts";
import { buildName } from "#harness/platform/build-containers.ts";
import { command, output } from "#harness/platform/command.ts";
import { execIn, imageId, removeContainers } from "#harness/platform/docker.ts";
import type { BuiltComponent } from "./go-build.ts";
import { buildImage, type ImageEntry } from "./image.ts";

export interface NodeParts {
  readonly kubernetes: BuiltComponent;
  readonly containerd: BuiltComponent;
  readonly cni: BuiltComponent;
  readonly kind: BuiltComponent;
  readonly rootTar: string;
  readonly kubernetesVersion: string;
  readonly pauseImage: string;
}

/** The node's file system: kind's base files, Kubernetes, containerd and the CNI plugins; no images yet. */
export async function buildBareNode(parts: NodeParts, reference: string, signal: AbortSignal): Promise<void> {
  if ((await imageId(reference)) !== undefined) return;
  const files = join(parts.kind.sourceDir, "images/base/files");
  const entries: ImageEntry[] = [];
  for (const name of await readdir(join(files, "usr/local/bin"))) {
    entries.push({ from: join(files, "usr/local/bin", name), to: `/usr/local/bin/${name}`, mode: 0o755 });
  }
  for (const name of await readdir(join(files, "kind/bin"))) {
    entries.push({ from: join(files, "kind/bin", name), to: `/kind/bin/${name}`, mode: 0o755 });
  }
  for (const name of [
    "crictl.yaml",
    "default/kubelet",
    "sysctl.d/10-network-magic.conf",
    "sysctl.d/10-network-security.conf",
  ]) {
    entries.push({ from: join(files, "etc", name), to: `/etc/${name}`, mode: 0o644 });
  }
  const units = join(files, "etc/systemd/system");
  for (const name of await readdir(units, { recursive: true })) {
    if (/\.(service|slice|conf)$/.test(name))
      entries.push({ from: join(units, name), to: `/etc/systemd/system/${name}`, mode: 0o644 });
  }
  for (const name of ["kubeadm", "kubelet", "kubectl"]) {
    entries.push({ from: join(parts.kubernetes.binDir, name), to: `/usr/bin/${name}`, mode: 0o755 });
  }
  for (const name of ["containerd", "ctr", "containerd-shim-runc-v2"]) {
    entries.push({ from: join(parts.containerd.binDir, name), to: `/usr/local/bin/${name}`, mode: 0o755 });
  }
  for (const name of await readdir(parts.cni.binDir)) {
    entries.push({ from: join(parts.cni.binDir, name), to: `/opt/cni/bin/${name}`, mode: 0o755 });
  }
  const config = await readFile(join(files, "etc/containerd/config.toml"), "utf8");
  entries.push(
    { text: adaptContainerdConfig(config, parts.pauseImage), to: "/etc/containerd/config.toml" },
    {
      text: baseSpec(await output(join(parts.containerd.binDir, "ctr"), ["oci", "spec"])),
      to: "/etc/containerd/cri-base.json",
    },
    { text: `v${parts.kubernetesVersion}`, to: "/kind/version" },
  );
  await buildImage(
    {
      reference,
      key: reference,
      rootTar: parts.rootTar,
      entries,
      config: {
        entrypoint: ["/usr/local/bin/entrypoint", "/sbin/init"],
        env: { container: "docker" },
        stopSignal: "SIGRTMIN+3",
      },
    },
    signal,
  );
}

/**
 * kind's file with the lab's pause image, without lowered oom scores (a machine without CAP_SYS_RESOURCE rejects
 * that), and with registry hosts read from files, so that a mirror can be configured later. containerd 2.4 reads the
 * processor time of every container each second (internal/cri/server/stats_collector.go), for metrics that nobody asks a
 * lab for; on two cores this was a quarter of what an idle lab used.
 */
export function adaptContainerdConfig(text: string, pauseImage: string): string {
  const adapted = text
    .replace(/sandbox_image = ".*"/, `sandbox_image = "${pauseImage}"`)
    .replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true");
  const added = [
    '[plugins."io.containerd.grpc.v1.cri".registry]',
    '  config_path = "/etc/containerd/certs.d"',
    '[plugins."io.containerd.cri.v1.runtime"]',
    '  stats_collect_period = "5m"',
  ];
  return `${adapted.trimEnd()}\n${added.join("\n")}\n`;
}

/** containerd's default OCI spec with kind's product-file hook and without resource limits, as in kind's image. */
function baseSpec(text: string): string {
  const spec = JSON.parse(text) as { hooks?: Record<string, unknown>; process: Record<string, unknown> };
  spec.hooks = { ...spec.hooks, createContainer: [{ path: "/kind/bin/mount-product-files.sh" }] };
  delete spec.process.rlimits;
  return JSON.stringify(spec, null, 2);
}

interface PreloadOptions {
  /** The image of the build container. */
  readonly base: string;
  /** The name of the resulting image. */
  readonly reference: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Imports image archives into containerd's `k8s.io` namespace inside a container of `base`, and commits the
 * container. Layers are unpacked and their blobs discarded, because every node copies the image's /var.
 */
export async function preload(
  archives: readonly string[],
  { base, reference, labels, signal }: PreloadOptions,
): Promise<void> {
  if ((await imageId(reference)) !== undefined) return;
  const mounts = archives.flatMap((file, i) => ["-v", `${file}:/preload/${i}.tar:ro`]);
  const id = await output(
    "docker",
    [
      "run",
      "-d",
      "--privileged",
      "--name",
      await buildName(),
      ...mounts,
      "--entrypoint",
      "/usr/local/bin/containerd",
      base,
    ],
    { signal },
  );
  try {
    await eventually(
      async () => {
        const version = await execIn(id, ["ctr", "version"], { tolerate: true });
        return version.exitCode === 0 ? ready(undefined) : notYet(version.stderr);
      },
      { what: "containerd in the build container", withinMs: preparedWithinMs, everyMs: 200, signal },
    );
    for (const [i] of archives.entries()) {
      await execIn(
        id,
        [
          "ctr",
          "--namespace=k8s.io",
          "images",
          "import",
          "--local",
          "--discard-unpacked-layers",
          "--snapshotter=overlayfs",
          `/preload/${i}.tar`,
        ],
        { signal },
      );
    }
    await command("docker", ["stop", "-t", "20", id], { signal });
    await command(
      "docker",
      [
        ...["commit", "--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]'],
        ...Object.entries(labels).flatMap(([name, value]) => [
          "--change",
          `LABEL ${name}=${JSON.stringify(value)}`,
        ]),
        ...[id, reference],
      ],
      { signal },
    );
  } finally {
    await removeContainers([id]);
  }
}
