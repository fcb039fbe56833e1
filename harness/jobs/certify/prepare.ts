import { rm } from "node:fs/promises";
import { join } from "node:path";
import { requireKind } from "#harness/cluster/cluster.ts";
import { holdsImages, importArchives } from "#harness/cluster/kind/create-cluster.ts";
import type { KindNode } from "#harness/cluster/kind/kind-node.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { checkSources, getArtifacts } from "#harness/images/index.ts";
import { makeStaging } from "#harness/images/source/image.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { Artifacts, ClusterArtifacts, ImageSource } from "#harness/model/artifacts.ts";
import type { UpgradePair } from "#harness/model/certification-journal.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import { saveImages } from "#harness/platform/docker.ts";

export interface Images {
  readonly source: ImageSource | "auto";
  readonly archive?: string;
  readonly registryMirror?: string;
}

export type Side = "old" | "new";
export type BothArtifacts = Readonly<Record<Side, Artifacts>>;

/** What one cluster is made of on one side of the upgrade. */
export const artifactsOf = (artifacts: BothArtifacts, side: Side, cluster: string): ClusterArtifacts =>
  found(artifacts[side].clusters[cluster], `cluster ${cluster} in the ${side} version's artifacts`);

/** Fetches all of both versions before any cluster is created; the error names an unavailable version. */
export async function artifactsOfBoth(
  plan: LabPlan,
  pair: UpgradePair,
  images: Images,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<BothArtifacts> {
  if (images.source === "archive")
    throw new MeshproofError(
      "usage",
      "an archive contains only one version per cluster, so there is none to upgrade to",
      {
        remedy: "certify with --images source or --images registry",
      },
    );
  const named = async <T>(cilium: string, get: Promise<T>): Promise<T> =>
    get.catch((error: unknown) => {
      throw error instanceof MeshproofError && error.code !== "aborted"
        ? new MeshproofError(error.code, `Cilium ${cilium} is not available: ${error.message}`, {
            cause: error,
            ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
          })
        : error;
    });
  for (const version of [pair.from, pair.to])
    await named(version, checkSources(version, { ...images, signal }));
  const of = (cilium: string): Promise<Artifacts> =>
    named(
      cilium,
      getArtifacts({
        clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium }])),
        progress,
        signal,
        ...images,
      }),
    );
  return { old: await of(pair.from), new: await of(pair.to) };
}

/** Loads the new version's images onto every node unless nodes pull, so that the upgrade does not wait for it. */
export async function loadImages(mesh: Mesh, artifacts: Artifacts, signal: AbortSignal): Promise<void> {
  const folder = await makeStaging();
  try {
    const wanting: { node: KindNode; images: readonly string[] }[] = [];
    for (const cluster of mesh.clusters) {
      const images = found(
        artifacts.clusters[cluster.name],
        `cluster ${cluster.name} in the artifacts`,
      ).ciliumImages;
      for (const node of await requireKind(cluster, "a certification").nodes())
        if (!(await holdsImages(node, images, signal))) wanting.push({ node, images });
    }
    // Saved once for all clusters with the same images.
    const sets = Map.groupBy(wanting, (w) => w.images.join(" "));
    for (const set of sets.values()) {
      const [{ images }] = set as [(typeof wanting)[number]];
      const archive = join(folder, "images.tar");
      await saveImages(images, archive, signal);
      await importArchives(
        set.map((w) => w.node),
        [archive],
        signal,
      );
      await rm(archive);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
