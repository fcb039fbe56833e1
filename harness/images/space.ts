import type { SpaceNeed } from "#harness/platform/doctor/doctor.ts";
import type { Cached } from "./cached.ts";
import { groupOf, type PinnedVersions, partsOf } from "./pinned.ts";

const gib = 1024 ** 3;

/**
 * GiB where nothing was measured. Parts and roots: `du` of each entry of a cache that held Cilium 1.19.1, 1.19.4 and
 * 1.20.2, the largest, rounded up; etcd and CoreDNS, whose versions follow from Kubernetes, are below 0.1 each.
 * `compile`, an estimate: Go's build cache grew by 7.0 in the two hours of the first build, its module cache by 1.8; the
 * rest is staging.
 */
export const firstSpace = {
  parts: {
    cilium: 0.4,
    "cilium-operator": 0.2,
    kubernetes: 0.6,
    containerd: 0.1,
    helm: 0.1,
    kind: 0.1,
    "cni-plugins": 0.1,
  },
  roots: 1,
  compile: 10,
  /** 2.1 by `docker system df`. */
  nodeImage: 2.2,
  /** Volumes of a lab with four nodes: etcd, and images that nodes unpack. 1.8 a node by `docker system df`, after 13 minutes. */
  labVolumes: 8,
} as const;

/** The programs of a lab with one version of Cilium and of Kubernetes. */
export interface Wanted {
  readonly cilium: string;
  readonly kubernetes: string;
  readonly pinned: PinnedVersions;
}

/** What a build and a lab of these versions need beside what the cache and Docker hold. */
export function estimateSpace(entries: readonly Cached[], { cilium, kubernetes, pinned }: Wanted): SpaceNeed {
  const wanted: Readonly<Record<string, string | undefined>> = {
    cilium: `v${cilium}`,
    "cilium-operator": `v${cilium}`,
    kubernetes: `v${kubernetes}`,
    ...Object.fromEntries(["containerd", "helm", "kind", "cni-plugins"].map((c) => [c, pinned[c]?.[0]])),
  };
  const folders = entries.filter((e) => e.where === "cache");
  const builds = folders.flatMap((e) => {
    const parts = e.name.startsWith("go/") ? partsOf(e.name.slice(3)) : undefined;
    return parts === undefined ? [] : [{ ...parts, bytes: e.bytes }];
  });
  let cacheBytes = 0;
  let measured = 0;
  let missing = 0;
  for (const [component, first] of Object.entries(firstSpace.parts)) {
    const own = builds.filter((b) => b.component === component);
    if (own.some((b) => b.version === wanted[component])) continue;
    missing += 1;
    measured += own.length > 0 ? 1 : 0;
    cacheBytes += own.length > 0 ? Math.max(...own.map((b) => b.bytes)) : first * gib;
  }
  const hasRoots = folders.some((e) => e.name.startsWith("debian/") && e.pinned);
  if (!hasRoots) cacheBytes += firstSpace.roots * gib;
  if (missing > 0) cacheBytes += firstSpace.compile * gib;
  const nodes = entries.filter((e) => e.where === "docker" && e.name.startsWith("meshproof/node:"));
  const isBuilt = nodes.some((e) => groupOf(e.name) === `meshproof/node:v${kubernetes}-cilium-${cilium}`);
  const image = nodes.length > 0 ? Math.max(...nodes.map((e) => e.bytes)) : firstSpace.nodeImage * gib;
  // The bare image and the staged archive of Cilium's images exist beside the finished one while it is built.
  const dockerBytes = firstSpace.labVolumes * gib + (isBuilt ? 0 : 2 * image);
  return {
    cacheBytes,
    dockerBytes,
    basis: `Cilium ${cilium}, Kubernetes ${kubernetes}: ${missing} programs to compile, ${measured} of them of a measured size; node image ${isBuilt ? "built" : nodes.length > 0 ? "to be built, of a measured size" : "to be built"}`,
  };
}
