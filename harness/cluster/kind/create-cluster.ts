import { chmod, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify as toYaml } from "yaml";
import type { ClusterArtifacts } from "#harness/model/artifacts.ts";
import type { KindLabPlan, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import { command } from "#harness/platform/command.ts";
import { corednsLabel, execIn, imageLabel } from "#harness/platform/docker.ts";
import { writeAtomic } from "#harness/platform/paths.ts";
import { kindNameOf, kubeconfigOf, labDir } from "#harness/state/lab.ts";
import type { KindNode } from "./kind-node.ts";
import { kubeadmPatches } from "./kubeadm.ts";
import { kubeletSettingsHere } from "./kubelet.ts";

interface KindPatches {
  readonly kubeadmConfigPatches?: readonly string[];
}

const kubeletConfiguration = { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" };

interface KindOptions {
  /** The kind binary. */
  readonly kind: string;
  /** The Docker network of its nodes. */
  readonly network: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Creates one cluster without a CNI. kind writes to the lab's kubeconfig, and never to the user's. */
export async function createKindCluster(
  plan: KindLabPlan,
  cluster: PlannedKindCluster,
  artifacts: ClusterArtifacts,
  { kind, network, onLine, signal }: KindOptions,
): Promise<void> {
  const name = kindNameOf(plan.lab, cluster.name);
  const configFile = join(labDir(plan.lab), `${cluster.name}.kind.yaml`);
  const kubeconfig = kubeconfigOf(plan.lab, cluster.name);
  // A published node image does not read registry hosts from files by default.
  const patches =
    artifacts.mirror === undefined
      ? {}
      : {
          containerdConfigPatches: [
            '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"',
          ],
        };
  const kubelet = await kubeletSettingsHere(cluster.kubernetes);
  const config = {
    ...cluster.kindConfig,
    ...patches,
    kubeadmConfigPatches: [
      ...kubeadmPatches(plan.tuning, (await imageLabel(artifacts.nodeImage, corednsLabel)) || undefined),
      ...(kubelet === undefined ? [] : [toYaml({ ...kubeletConfiguration, ...kubelet.settings })]),
      ...((cluster.kindConfig as KindPatches).kubeadmConfigPatches ?? []),
    ],
    name,
  };
  await writeAtomic(configFile, toYaml(config), 0o600);
  await rm(kubeconfig, { force: true });
  await command(
    kind,
    [
      "create",
      "cluster",
      "--name",
      name,
      "--config",
      configFile,
      "--image",
      artifacts.nodeImage,
      "--kubeconfig",
      kubeconfig,
      "--retain",
    ],
    { signal, onLine, env: { KIND_EXPERIMENTAL_DOCKER_NETWORK: network } },
  );
  await chmod(kubeconfig, 0o600);
}

/**
 * Lets the nodes' containerd pull from the public registries through a plain-HTTP mirror. A mirror on the host's
 * loopback address is reached at the gateway of the lab's network.
 */
export async function useMirror(
  nodes: readonly KindNode[],
  mirror: string,
  gateway: string,
  signal: AbortSignal,
): Promise<void> {
  const reachable = mirror.replace(/^(localhost|127\.\d+\.\d+\.\d+)(?=:)/, gateway);
  for (const node of nodes) {
    for (const registry of ["quay.io", "registry.k8s.io", "docker.io"]) {
      const dir = `/etc/containerd/certs.d/${registry}`;
      const hosts = `server = "https://${registry}"\n[host."http://${reachable}"]\n  capabilities = ["pull", "resolve"]\n`;
      await execIn(node.container, ["mkdir", "-p", dir], { signal });
      await execIn(node.container, ["sh", "-c", `cat > ${dir}/hosts.toml`], { signal, input: hosts });
    }
  }
}

/** Imports image archives into the nodes' containerd, for images that the node image lacks. */
export async function importArchives(
  nodes: readonly KindNode[],
  archives: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const argv = ["ctr", "--namespace=k8s.io", "images", "import", "-"];
  // All nodes read one file at the same time, so it is read from disk once.
  await Promise.all(
    nodes.map(async ({ container }) => {
      for (const archive of archives) await execIn(container, argv, { inputFile: archive, signal });
    }),
  );
}

/** Whether a node's containerd has all of these images. */
export async function holdsImages(
  node: KindNode,
  references: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const { stdout } = await execIn(node.container, ["ctr", "--namespace=k8s.io", "images", "ls", "-q"], {
    signal,
  });
  const present = new Set(stdout.split("\n"));
  return references.every((r) => present.has(r));
}
