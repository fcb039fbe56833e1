import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registryTrouble, throughMirror } from "#harness/images/registry.ts";
import { buildRegistry, fromSource, type SourceBuild } from "#harness/images/source/index.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { command, spawnLines } from "#harness/platform/command.ts";
import { pushImage } from "#harness/platform/docker.ts";

/** Pushes everything that a lab needs from a registry, under its published names. */
export async function fillRegistry(
  build: SourceBuild,
  plan: KindLabPlan,
  mirror: string,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<void> {
  const pushed = new Set<string>();
  const push = async (reference: string, as: string): Promise<void> => {
    if (pushed.has(as)) return;
    pushed.add(as);
    await progress.step(`push ${as}`, () => pushImage(reference, throughMirror(as, mirror), signal));
  };
  for (const cluster of plan.clusters) {
    const { bareNode, images } = found(
      build.pushable.get(cluster.name),
      `image of cluster ${cluster.name} in the build`,
    );
    await push(bareNode, `docker.io/kindest/node:v${cluster.kubernetes}`);
    for (const image of images.filter((i) => !i.startsWith("meshproof.local/"))) await push(image, image);
    await pushChart(build, cluster.name, mirror, signal);
  }
  // The prober's base can be any image with Node at /usr/local/bin.
  await push(build.proberImage, "docker.io/library/node:24-bookworm-slim");
}

async function pushChart(
  build: SourceBuild,
  cluster: string,
  mirror: string,
  signal: AbortSignal,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "meshproof-chart-"));
  try {
    const own = found(build.clusters[cluster], `cluster ${cluster} in the build`);
    await command(build.tools.helm, ["package", own.chartDir, "--destination", dir], { signal });
    await command(
      build.tools.helm,
      ["push", join(dir, `cilium-${own.ciliumVersion}.tgz`), `oci://${mirror}/cilium/charts`, "--plain-http"],
      { signal },
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Starts a local registry with the built images, brings a lab up from it and removes the lab. */
export async function registryTrial(
  plan: KindLabPlan,
  port: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const mirror = `127.0.0.1:${port}`;
  const request = {
    clusters: new Map(plan.clusters.map((c) => [c.name, { kubernetes: c.kubernetes, cilium: c.cilium }])),
    source: "source" as const,
    progress,
    signal,
  };
  const build = await fromSource(request, "for the trial registry");
  const program = await buildRegistry(request);
  const blobs = await mkdtemp(join(tmpdir(), "meshproof-registry-"));
  const registry = spawnLines(program, [`0.0.0.0:${port}`, blobs], () => {});
  try {
    await eventually(
      async () => {
        const trouble = await registryTrouble(mirror);
        return trouble === undefined ? ready(undefined) : notYet(trouble);
      },
      { what: "the trial registry", withinMs: 10_000, signal },
    );
    await fillRegistry(build, plan, mirror, { progress, signal });
    try {
      const { did, state } = await up({
        plan,
        runId: "registry-trial",
        images: { source: "registry", registryMirror: mirror },
        transient: true,
        progress,
        signal,
      });
      const [own] = Object.values(state.artifacts.clusters);
      progress.note(`lab ${plan.lab}: ${did}, node image ${own?.nodeImage}`);
    } finally {
      await removeHeldLab(plan.lab, progress);
    }
  } finally {
    registry.kill();
    await registry.done;
    await rm(blobs, { recursive: true, force: true });
  }
}
