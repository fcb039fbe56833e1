import { kubernetesFor, pins } from "#harness/config/pins.ts";
import {
  type Cached,
  isRemovable,
  judgeImages,
  listEntries,
  removeEntry,
  type Uses,
} from "#harness/images/cached.ts";
import { pinnedVersions } from "#harness/images/pinned.ts";
import { rootEntries } from "#harness/images/source/debian.ts";
import { estimateSpace } from "#harness/images/space.ts";
import { Store } from "#harness/images/store.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { dockerAnswers } from "#harness/platform/docker.ts";
import { imagesInUse, listImages, removeImage } from "#harness/platform/docker-images.ts";
import type { SpaceNeed } from "#harness/platform/doctor/doctor.ts";
import { contentKey } from "#harness/platform/paths.ts";
import { listLabs, readLabState } from "#harness/state/lab.ts";
import { everyLab } from "#harness/state/reap.ts";

export interface Inventory {
  readonly entries: readonly Cached[];
  /** What could not be looked at. */
  readonly notes: readonly string[];
}

/** Everything that the cache and Docker hold for Meshproof. Creates and removes nothing. */
export async function cachedImages(signal: AbortSignal, states?: readonly LabState[]): Promise<Inventory> {
  const store = new Store();
  const pinned = pinnedVersions();
  const hasDocker = await dockerAnswers(signal);
  const containers = hasDocker ? await imagesInUse(signal) : [];
  // Without Docker nobody knows whether another owner has a lab.
  const foreign = hasDocker
    ? (await everyLab()).foreign.map(({ lab, owner }) => `perhaps lab ${lab} of ${owner}`)
    : ["perhaps a lab of another owner, which only Docker knows"];
  const uses: Uses = {
    labs: (states ?? (await statesOfLabs())).map(useOf),
    containers,
    foreign,
    nowMs: unixNowMs(),
  };
  const folders = await listEntries(store.root, uses, { pinned, roots: rootEntries() });
  if (!hasDocker) return { entries: folders, notes: ["no Docker daemon answers: its images are not listed"] };
  const marks = await store.imageMarks();
  const usedAt = (reference: string): number => marks.get(contentKey(reference)) ?? 0;
  const images = judgeImages(await listImages(signal), uses, { pinned, usedAt });
  return { entries: [...folders, ...images], notes: [] };
}

/** What a run of the default versions needs, from the sizes of what is already built. */
export async function spaceForRun(signal: AbortSignal): Promise<SpaceNeed> {
  // Which lab uses something does not matter here, and a state that cannot be read must not end `doctor`.
  const { entries } = await cachedImages(signal, []);
  const { cilium } = pins;
  return estimateSpace(entries, { cilium, kubernetes: kubernetesFor(cilium), pinned: pinnedVersions() });
}

export interface Pruned {
  readonly removed: readonly Cached[];
  /** Not removed, because another process took it meanwhile. */
  readonly left: readonly Cached[];
  readonly notes: readonly string[];
}

/** Removes what the pins do not name and nothing uses. */
export async function pruneImages(dryRun: boolean, signal: AbortSignal): Promise<Pruned> {
  const listedMs = unixNowMs();
  const { entries, notes } = await cachedImages(signal);
  const removable = entries.filter(isRemovable);
  if (dryRun) return { removed: removable, left: [], notes };
  const { root } = new Store();
  const removed: Cached[] = [];
  const left: Cached[] = [];
  for (const entry of removable) {
    signal.throwIfAborted();
    const gone =
      entry.where === "cache"
        ? await removeEntry(root, entry.name, listedMs)
        : await removeImage(entry.name, signal);
    (gone ? removed : left).push(entry);
  }
  return { removed, left, notes };
}

async function statesOfLabs(): Promise<LabState[]> {
  const states: LabState[] = [];
  for (const lab of await listLabs()) {
    // A state that cannot be read names nothing: prune must not guess.
    const state = await readLabState(lab);
    if (state !== undefined) states.push(state);
  }
  return states;
}

const useOf = ({ lab, artifacts }: LabState) => ({
  lab,
  paths: [
    artifacts.tools.kind,
    artifacts.tools.helm,
    ...(artifacts.ciliumCli !== undefined && "program" in artifacts.ciliumCli
      ? [artifacts.ciliumCli.program]
      : []),
    ...Object.values(artifacts.clusters).map((c) => `${c.chartDir}/`),
  ],
  images: [
    artifacts.agnhostImage,
    artifacts.nginxImage,
    artifacts.proberImage,
    ...Object.values(artifacts.clusters).flatMap((c) => [c.nodeImage, ...c.ciliumImages]),
  ],
});
