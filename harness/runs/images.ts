import { writeArchive } from "#harness/artifacts/archive.ts";
import { getArtifacts } from "#harness/artifacts/index.ts";
import type { ImageOptions } from "#harness/artifacts/options.ts";
import type { Artifacts } from "#harness/artifacts/types.ts";
import type { LabPlan } from "#harness/config/plan.ts";
import type { Progress } from "#harness/core/progress.ts";
import { dockerInfo } from "#harness/host/docker.ts";

export async function fetchImages(
  plan: LabPlan,
  images: ImageOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Artifacts> {
  await dockerInfo();
  return getArtifacts({
    clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium: c.cilium }])),
    progress,
    signal,
    ...images,
  });
}

export async function saveArchive(
  plan: LabPlan,
  images: ImageOptions,
  file: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const artifacts = await fetchImages(plan, images, progress, signal);
  await progress.step("write the archive", () => writeArchive(artifacts, file, signal));
}
