import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { parseRecord } from "#harness/lib/records.ts";
import type { Artifacts, ClusterArtifacts, Provenance } from "#harness/model/artifacts.ts";
import { digestLockFormat } from "#harness/model/image-store.ts";
import { buildName } from "#harness/platform/build-containers.ts";
import { command, output } from "#harness/platform/command.ts";
import { imageId, saveImages } from "#harness/platform/docker.ts";
import { publicRegistries, registryAnswers } from "#harness/platform/doctor/doctor.ts";
import { downloadModule } from "#harness/platform/go.ts";
import { cacheDir, contentKey, writeAtomic } from "#harness/platform/paths.ts";
import { ciliumRepositories } from "./source/cilium-images.ts";
import { kindTool } from "./source/components.ts";
import { makeStaging } from "./source/image.ts";
import { buildProber, buildTools } from "./source/index.ts";
import { Store } from "./store.ts";
import type { ArtifactRequest } from "./types.ts";

const agnhostReference = "registry.k8s.io/e2e-test-images/agnhost:2.56";
/** As in KKP's guide. */
const nginxReference = "docker.io/library/nginx:1.16.1";
const proberBase = "docker.io/library/node:24-bookworm-slim";

/** Undefined if every registry that is needed is reachable; else the first that is not, and why. */
export async function registryTrouble(mirror: string | undefined): Promise<string | undefined> {
  const hosts: string[] = mirror === undefined ? [...publicRegistries] : [mirror];
  for (const host of hosts) {
    const trouble = await registryAnswers(host, host === mirror);
    if (trouble !== undefined) return `registry ${host} is not reachable: ${trouble}`;
  }
  return undefined;
}

/**
 * Published images and chart. Docker pulls the node image; the nodes' own containerd pulls Cilium's, through the
 * mirror if one is given. kind pins the digest of its default image; other digests are resolved once and locked.
 */
export async function fromRegistry(request: ArtifactRequest, reason: string): Promise<Artifacts> {
  const { registryMirror: mirror, progress, signal } = request;
  const trouble = await registryTrouble(mirror);
  if (trouble !== undefined) {
    throw new MeshproofError("artifact-unavailable", trouble, {
      remedy: "give a mirror with --registry-mirror, or build with --images source",
    });
  }
  const { tools, provenance: toolParts } = await buildTools(request);
  const provenance: Provenance[] = [...toolParts];
  const clusters: Record<string, ClusterArtifacts> = {};
  for (const [name, versions] of request.clusters) {
    const nodeImage = await progress.step(`pull kindest/node:v${versions.kubernetes}`, () =>
      pull(`docker.io/kindest/node:v${versions.kubernetes}`, mirror, signal),
    );
    provenance.push({
      name: "node image",
      version: versions.kubernetes,
      origin: mirror === undefined ? "docker.io/kindest/node" : "kindest/node through the mirror",
      sum: nodeImage.digest,
    });
    const chartDir = await progress.step(`pull Cilium's chart ${versions.cilium}`, () =>
      pullChart(tools.helm, versions.cilium, mirror, signal),
    );
    const tag = `v${versions.cilium}`;
    for (const repository of [
      ciliumRepositories.agent,
      `${ciliumRepositories.operator}-generic`,
      ciliumRepositories.clustermesh,
    ]) {
      const digest = await resolveDigest(`${repository}:${tag}`, mirror);
      await lockDigest(`${mirror ?? ""}|${repository}:${tag}`, digest, `${repository}:${tag}`);
      provenance.push({ name: repository, version: versions.cilium, origin: "registry", sum: digest });
    }
    const image = (repository: string) => ({ repository, tag, useDigest: false, pullPolicy: "IfNotPresent" });
    clusters[name] = {
      versions,
      ciliumVersion: versions.cilium,
      nodeImage: nodeImage.reference,
      nodeImageId: found(await imageId(nodeImage.reference), `image ${nodeImage.reference}`),
      chartDir,
      imageValues:
        mirror === undefined
          ? {}
          : {
              image: image(ciliumRepositories.agent),
              operator: { image: image(ciliumRepositories.operator) },
              clustermesh: { apiserver: { image: image(ciliumRepositories.clustermesh) } },
            },
      ciliumImages: [],
      ...(mirror === undefined ? {} : { mirror }),
      importArchives: [],
    };
  }
  const proberImage = await progress.step("prober image", async () => {
    const base = await pull(proberBase, mirror, signal);
    return proberFrom(base.reference, signal);
  });
  const staging = join(cacheDir(), "prober", `${contentKey(proberImage)}.tar`);
  await mkdir(join(cacheDir(), "prober"), { recursive: true });
  const part = `${staging}.${process.pid}.part`;
  await saveImages([proberImage], part, signal);
  await rename(part, staging);
  for (const [name, own] of Object.entries(clusters)) clusters[name] = { ...own, importArchives: [staging] };
  return {
    source: "registry",
    reason,
    tools,
    clusters,
    agnhostImage: agnhostReference,
    nginxImage: nginxReference,
    proberImage,
    provenance,
  };
}

/** A mirror replaces the host and keeps the path: `docker.io/kindest/node` becomes `MIRROR/kindest/node`. */
export function throughMirror(reference: string, mirror: string | undefined): string {
  return mirror === undefined ? reference : `${mirror}/${reference.split("/").slice(1).join("/")}`;
}

async function pull(
  reference: string,
  mirror: string | undefined,
  signal: AbortSignal,
): Promise<{ reference: string; digest: string }> {
  const from = throughMirror(reference, mirror);
  const pinned = mirror === undefined ? await kindDigest(reference, signal) : undefined;
  const expected = pinned === undefined ? from : `${from.replace(/:[^:/]+$/, "")}@${pinned}`;
  await command("docker", ["pull", expected], { signal }).catch((error: unknown) => {
    throw new MeshproofError("artifact-unavailable", `cannot pull image ${expected}: ${messageOf(error)}`, {
      cause: error,
      remedy: "choose a published version, or build with --images source",
    });
  });
  const reported = await output("docker", [
    "image",
    "inspect",
    "--format",
    '{{ join .RepoDigests " " }}',
    expected,
  ]);
  const digest = /sha256:[0-9a-f]{64}/.exec(reported)?.[0] ?? "unknown";
  await lockDigest(`${mirror ?? ""}|${reference}`, digest, reference);
  return { reference: expected, digest };
}

/** kind's module pins its default node image by digest. */
async function kindDigest(reference: string, signal: AbortSignal): Promise<string | undefined> {
  const module = await downloadModule(kindTool.module, kindTool.version, signal).catch(() => undefined);
  if (module === undefined) return undefined;
  const text = await readFile(join(module.dir, "pkg/apis/config/defaults/image.go"), "utf8").catch(() => "");
  const [, image, digest] = /"(kindest\/node:[^@"]+)@(sha256:[0-9a-f]{64})"/.exec(text) ?? [];
  return reference === `docker.io/${image}` ? digest : undefined;
}

async function resolveDigest(reference: string, mirror: string | undefined): Promise<string> {
  const { request } = await import("undici");
  const via = throughMirror(reference, mirror);
  const [host, ...rest] = via.split("/");
  const path = rest.join("/");
  const cut = path.lastIndexOf(":");
  const accept = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
  ].join(", ");
  const url = `${mirror === undefined ? "https" : "http"}://${host}/v2/${path.slice(0, cut)}/manifests/${path.slice(cut + 1)}`;
  const answer = await request(url, {
    method: "HEAD",
    headers: { accept },
    signal: AbortSignal.timeout(15_000),
  }).catch((error: unknown) => {
    throw new MeshproofError(
      "artifact-unavailable",
      `cannot read the digest of ${reference}: ${messageOf(error)}`,
      { cause: error },
    );
  });
  await answer.body.dump();
  const digest = answer.headers["docker-content-digest"];
  if (answer.statusCode !== 200 || typeof digest !== "string") {
    throw new MeshproofError(
      "artifact-unavailable",
      `${reference} is not in the registry (HTTP ${answer.statusCode})`,
      { remedy: "choose a published version, or build with --images source" },
    );
  }
  return digest;
}

const lockFile = (): string => join(cacheDir(), "digests.lock.json");

/** Locks the first digest seen of a reference; a different one throws `digest-changed`. */
export async function lockDigest(key: string, digest: string, reference: string): Promise<void> {
  const locked = parseRecord(await readFile(lockFile(), "utf8").catch(() => "{}"), digestLockFormat, {
    what: `the record of digests ${lockFile()}`,
    remedy: "correct it, or remove it to lock the next digest seen of each reference",
  });
  const before = locked[key];
  if (before === digest) return;
  if (before !== undefined) {
    throw new MeshproofError(
      "digest-changed",
      `${reference} had digest ${before} when it was first pulled and has ${digest} now`,
      {
        remedy: `find out why; if the change is intended, remove its line from ${lockFile()}`,
      },
    );
  }
  await writeAtomic(lockFile(), `${JSON.stringify({ ...locked, [key]: digest }, null, 2)}\n`);
}

async function pullChart(
  helm: string,
  version: string,
  mirror: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const store = new Store();
  const folder = await store.entry(
    "chart",
    `cilium-${version}-${contentKey(mirror ?? "public")}`,
    async (staging) => {
      const source =
        mirror === undefined
          ? ["oci://quay.io/cilium/charts/cilium"]
          : [`oci://${mirror}/cilium/charts/cilium`, "--plain-http"];
      await command(helm, ["pull", ...source, "--version", version, "--untar", "--untardir", staging], {
        signal,
      }).catch((error: unknown) => {
        throw new MeshproofError(
          "artifact-unavailable",
          `cannot pull Cilium's chart ${version}: ${messageOf(error)}`,
          { cause: error, remedy: "choose a published version, or build with --images source" },
        );
      });
    },
  );
  return join(folder, "cilium");
}

async function proberFrom(base: string, signal: AbortSignal): Promise<string> {
  const staging = await makeStaging();
  const id = await output("docker", ["create", "--name", await buildName(), base], { signal });
  try {
    const tar = join(staging, "root.tar");
    await command("docker", ["export", "-o", tar, id], { signal });
    return await buildProber(
      tar,
      contentKey(await output("docker", ["image", "inspect", "--format", "{{.Id}}", base])),
      signal,
    );
  } finally {
    await command("docker", ["rm", "-f", id], { tolerate: true });
    await command("rm", ["-rf", staging]);
  }
}
