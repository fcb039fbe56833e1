import { pins } from "#harness/config/pins.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { Artifacts } from "#harness/model/artifacts.ts";
import { exists } from "#harness/platform/command.ts";
import { downloadModule } from "#harness/platform/go.ts";
import { fromArchive } from "./archive.ts";
import { fromRegistry, registryTrouble } from "./registry.ts";
import { ciliumModule } from "./source/components.ts";
import { buildCiliumCli, fromSource } from "./source/index.ts";
import type { ArtifactRequest } from "./types.ts";

/**
 * Everything that clusters are made from. By default from a registry if one is reachable, else from the cache or
 * source.
 */
export async function getArtifacts(request: ArtifactRequest): Promise<Artifacts> {
  const artifacts = await artifactsOf(request);
  return request.withCiliumCli === true && artifacts.ciliumCli === undefined
    ? withCiliumCli(artifacts, request)
    : artifacts;
}

/** Without the CLI the profile makes the same Helm upgrades, so only what cannot be had here is tolerated. */
async function withCiliumCli(artifacts: Artifacts, request: ArtifactRequest): Promise<Artifacts> {
  const without = (missing: string): Artifacts => {
    request.progress.note(`the Cilium CLI is not built: ${missing}; profile cli makes Helm upgrades instead`);
    return { ...artifacts, ciliumCli: { missing } };
  };
  if (!(await exists("go"))) return without("this machine has no Go toolchain");
  try {
    const { program, provenance } = await buildCiliumCli(request, artifacts.tools.helm);
    return {
      ...artifacts,
      ciliumCli: { program, version: pins.ciliumCli },
      provenance: [...artifacts.provenance, ...provenance],
    };
  } catch (error) {
    if (request.signal.aborted || !(error instanceof MeshproofError) || error.code !== "artifact-unavailable")
      throw error;
    return without(error.message);
  }
}

async function artifactsOf(request: ArtifactRequest): Promise<Artifacts> {
  switch (request.source) {
    case "archive":
      return fromArchive(request);
    case "registry":
      return fromRegistry(request, "requested");
    case "source":
      return fromSource(request, "requested");
    case "auto": {
      const checkout = [...request.clusters.values()].find((v) => v.cilium.includes("/"));
      if (checkout !== undefined) return fromSource(request, `${checkout.cilium} is a checkout`);
      const trouble = await registryTrouble(request.registryMirror);
      if (trouble === undefined) return fromRegistry(request, "the registries are reachable");
      request.progress.note(`${trouble}; falling back to the cache and to building from source`);
      return fromSource(request, "no registry is reachable");
    }
  }
}

/**
 * Throws `artifact-unavailable` within seconds if sources of a Cilium version are needed and not served, because
 * building another version first takes minutes.
 */
export async function checkSources(
  version: string,
  { source, registryMirror, signal }: Pick<ArtifactRequest, "source" | "registryMirror" | "signal">,
): Promise<void> {
  const pulled =
    source === "registry" || (source === "auto" && (await registryTrouble(registryMirror)) === undefined);
  if (!pulled) await downloadModule(ciliumModule, `v${version}`, signal);
}
