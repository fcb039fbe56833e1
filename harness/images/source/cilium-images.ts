import { join } from "node:path";
import type { BuiltComponent } from "./go-build.ts";
import { buildImage } from "./image.ts";

/** Part of the images' key: raise it when the build recipe changes. */
export const ciliumRecipe = "2";

export const ciliumRepositories = {
  agent: "quay.io/cilium/cilium",
  operator: "quay.io/cilium/operator",
  clustermesh: "quay.io/cilium/clustermesh-apiserver",
} as const;

export interface CiliumParts {
  readonly cilium: BuiltComponent;
  readonly operator: BuiltComponent;
  readonly etcd: BuiltComponent;
  readonly agentRootTar: string;
  readonly key: string;
}

/** The three images that the chart uses, under the chart's names and the given tag. */
export async function buildCiliumImages(
  parts: CiliumParts,
  tag: string,
  signal: AbortSignal,
): Promise<string[]> {
  const bin = (name: string) => join(parts.cilium.binDir, name);
  const source = (path: string) => join(parts.cilium.sourceDir, path);
  const agent = `${ciliumRepositories.agent}:${tag}`;
  await buildImage(
    {
      reference: agent,
      key: parts.key,
      rootTar: parts.agentRootTar,
      entries: [
        { from: bin("daemon"), to: "/usr/bin/cilium-agent", mode: 0o755 },
        { from: bin("cilium-dbg"), to: "/usr/bin/cilium-dbg", mode: 0o755 },
        { from: bin("cilium-health"), to: "/usr/bin/cilium-health", mode: 0o755 },
        { from: bin("responder"), to: "/usr/bin/cilium-health-responder", mode: 0o755 },
        { from: bin("bugtool"), to: "/usr/bin/cilium-bugtool", mode: 0o755 },
        { from: bin("mount"), to: "/usr/bin/cilium-mount", mode: 0o755 },
        { from: bin("sysctlfix"), to: "/usr/bin/cilium-sysctlfix", mode: 0o755 },
        { from: bin("cilium-cni"), to: "/opt/cni/bin/cilium-cni", mode: 0o755 },
        { link: "cilium-dbg", to: "/usr/bin/cilium" },
        { link: "clang-19", to: "/usr/bin/clang" },
        { from: source("images/cilium/init-container.sh"), to: "/init-container.sh", mode: 0o755 },
        { from: source("plugins/cilium-cni/install-plugin.sh"), to: "/install-plugin.sh", mode: 0o755 },
        { from: source("plugins/cilium-cni/cni-uninstall.sh"), to: "/cni-uninstall.sh", mode: 0o755 },
        { from: source("bpf"), to: "/var/lib/cilium/bpf" },
      ],
      config: {
        cmd: ["/usr/bin/cilium-dbg"],
        workdir: "/",
        env: {
          PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        },
      },
    },
    signal,
  );
  const operator = `${ciliumRepositories.operator}-generic:${tag}`;
  await buildImage(
    {
      reference: operator,
      key: parts.key,
      entries: [
        {
          from: join(parts.operator.binDir, "operator"),
          to: "/usr/bin/cilium-operator-generic",
          mode: 0o755,
        },
        { folder: true, to: "/tmp", mode: 0o1777 },
      ],
      config: {
        cmd: ["/usr/bin/cilium-operator-generic"],
        env: { PATH: "/usr/bin", GOPS_CONFIG_DIR: "/tmp/gops" },
      },
    },
    signal,
  );
  const clustermesh = `${ciliumRepositories.clustermesh}:${tag}`;
  await buildImage(
    {
      reference: clustermesh,
      key: parts.key,
      entries: [
        { from: bin("clustermesh-apiserver"), to: "/usr/bin/clustermesh-apiserver", mode: 0o755 },
        { from: join(parts.etcd.binDir, "server"), to: "/usr/bin/etcd", mode: 0o755 },
        {
          from: source("clustermesh-apiserver/etcd-config.yaml"),
          to: "/var/lib/cilium/etcd-config.yaml",
          mode: 0o644,
        },
        { folder: true, to: "/tmp", mode: 0o1777 },
        // It runs as user 65532 and writes its sockets here.
        { folder: true, to: "/var/run/cilium", mode: 0o1777 },
      ],
      config: {
        entrypoint: ["/usr/bin/clustermesh-apiserver"],
        env: { PATH: "/usr/bin", GOPS_CONFIG_DIR: "/tmp/gops" },
      },
    },
    signal,
  );
  return [agent, operator, clustermesh];
}

/** Values that make the chart use the images preloaded in the node. */
export function preloadedValues(tag: string): Record<string, unknown> {
  const image = (repository: string) => ({ repository, tag, useDigest: false, pullPolicy: "Never" });
  return {
    image: image(ciliumRepositories.agent),
    operator: { image: image(ciliumRepositories.operator) },
    clustermesh: { apiserver: { image: image(ciliumRepositories.clustermesh) } },
    preflight: { image: image(ciliumRepositories.agent) },
  };
}
