import { writeArchive } from "#harness/images/archive.ts";
import { getArtifacts } from "#harness/images/index.ts";
import type { ImageOptions } from "#harness/images/options.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import { dockerInfo } from "#harness/platform/docker.ts";

export async function fetchImages(
  plan: LabPlan,
  images: ImageOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Artifacts> {
  await dockerInfo();
  return getArtifacts({
    clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium: c.cilium }])),
    withCiliumCli: plan.profile === "cli",
    progress,
    signal,
    ...images,
  });
}

export async function saveArchive(
  plan: LabPlan,
  images: ImageOptions,
  file: string,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<void> {
  const artifacts = await fetchImages(plan, images, progress, signal);
  await progress.step("write the archive", () => writeArchive(artifacts, file, signal));
}
