import { pins } from "#harness/config/pins.ts";

type Pins = Pick<
  typeof pins,
  "cilium" | "minors" | "ciliumCli" | "kind" | "helm" | "containerd" | "cniPlugins" | "registryTool"
>;

/** By component: the versions that the pins name. A component that is left out follows from others: every version counts. */
export type PinnedVersions = Readonly<Record<string, readonly string[]>>;

export function pinnedVersions(from: Pins = pins): PinnedVersions {
  const minors = Object.values(from.minors);
  const cilium = [...new Set([from.cilium, ...minors.map((m) => m.cilium)])].map((v) => `v${v}`);
  return {
    cilium,
    "cilium-operator": cilium,
    "cilium-cli": [from.ciliumCli],
    kubernetes: [...new Set(minors.map((m) => `v${m.kubernetes}`))],
    kind: [from.kind],
    helm: [from.helm],
    containerd: [from.containerd],
    "cni-plugins": [from.cniPlugins],
    registry: [from.registryTool],
  };
}

const bare = (versions: readonly string[] | undefined): string[] =>
  (versions ?? []).map((v) => v.replace(/^v/, ""));

/** A cache entry `<component>-<version>-<key>`; a component's name may itself contain `-`. */
export function partsOf(name: string): { component: string; version: string } | undefined {
  const [, component, version] = /^(.+?)-(v?\d[^-]*(?:-[a-z]+\.\d+)?)-[0-9a-f]{16}$/.exec(name) ?? [];
  return component === undefined || version === undefined ? undefined : { component, version };
}

export function isPinnedEntry(
  kind: string,
  name: string,
  pinned: PinnedVersions,
  roots: readonly string[],
): boolean {
  if (kind === "debian") return roots.includes(name);
  if (kind === "archive") return false;
  const parts = partsOf(name);
  if (parts === undefined) return false;
  if (kind === "chart") return bare(pinned.cilium).includes(parts.version.replace(/^v/, ""));
  const versions = pinned[parts.component];
  return versions === undefined || versions.includes(parts.version);
}

/** Whether the pins name an image's versions; images without a version of Kubernetes or Cilium follow from others. */
export function isPinnedImage(reference: string, pinned: PinnedVersions): boolean {
  const [, kubernetes, cilium] =
    /^meshproof\/node(?:-bare)?:v(\d+\.\d+\.\d+)(?:-cilium-(.+))?-[0-9a-f]{16}(?:-files)?$/.exec(reference) ??
    [];
  if (kubernetes !== undefined)
    return (
      bare(pinned.kubernetes).includes(kubernetes) &&
      (cilium === undefined || bare(pinned.cilium).includes(cilium))
    );
  const [, own] = /^quay\.io\/cilium\/[^:]+:v(.+)$/.exec(reference) ?? [];
  if (own !== undefined) return bare(pinned.cilium).includes(own);
  const [, kube] = /^registry\.k8s\.io\/kube-[^:]+:v(.+)$/.exec(reference) ?? [];
  return kube === undefined || bare(pinned.kubernetes).includes(kube);
}

/** Entries that share a group replace each other: only the newest is kept. */
export const groupOf = (name: string): string =>
  name.replace(/-[0-9a-f]{16}(-files)?$/, "$1").replace(/:[0-9a-f]{16}$/, "");
