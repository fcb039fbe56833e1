import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { type ArchiveManifest, archiveManifestFormat } from "#harness/model/archive-manifest.ts";
import type { Artifacts, ClusterArtifacts } from "#harness/model/artifacts.ts";
import { command } from "#harness/platform/command.ts";
import { imageId, loadImages, saveImages } from "#harness/platform/docker.ts";
import { makeStaging } from "./source/image.ts";
import { Store } from "./store.ts";
import type { ArtifactRequest } from "./types.ts";

const rewriteRemedy = "copy it again, or write a new one with `images save`";

/** Writes images, tools and charts into one tar, with `manifest.json`, which holds each member's SHA-256. */
export async function writeArchive(artifacts: Artifacts, file: string, signal: AbortSignal): Promise<void> {
  const staging = await makeStaging();
  try {
    const clusters: Record<string, ClusterArtifacts> = {};
    for (const [name, own] of Object.entries(artifacts.clusters)) {
      const chart = `chart-${own.ciliumVersion}`;
      await cp(own.chartDir, join(staging, chart), { recursive: true });
      await command("chmod", ["-R", "u+w", join(staging, chart)]);
      await command("tar", ["-cf", join(staging, `${chart}.tar`), "-C", staging, chart], { signal });
      await rm(join(staging, chart), { recursive: true });
      clusters[name] = { ...own, chartDir: chart, ciliumImages: [] };
    }
    await cp(artifacts.tools.kind, join(staging, "kind"));
    await cp(artifacts.tools.helm, join(staging, "helm"));
    const { ciliumCli: cli } = artifacts;
    const cliMembers = cli !== undefined && "program" in cli ? ["cilium"] : [];
    if (cli !== undefined && "program" in cli) await cp(cli.program, join(staging, "cilium"));
    const nodeImages = [...new Set(Object.values(artifacts.clusters).map((c) => c.nodeImage))];
    await saveImages([...nodeImages, artifacts.proberImage], join(staging, "images.tar"), signal);
    const members = [
      "kind",
      "helm",
      "images.tar",
      ...cliMembers,
      ...new Set(Object.values(clusters).map((c) => `${c.chartDir}.tar`)),
    ];
    const digests: Record<string, string> = {};
    for (const member of members) digests[member] = await sha256(join(staging, member));
    const manifest: ArchiveManifest = { meshproofArchive: 1, digests, artifacts: { ...artifacts, clusters } };
    await writeFile(join(staging, "manifest.json"), JSON.stringify(manifest, null, 2));
    const partial = `${file}.part`;
    await command("tar", ["-cf", partial, "-C", staging, "manifest.json", ...members], { signal });
    await command("mv", [partial, file]);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Reads an archive, checks every digest and loads the images. Throws `archive-corrupt`, naming the file and the
 * member.
 */
export async function fromArchive(request: ArtifactRequest): Promise<Artifacts> {
  const file = found(request.archive, "archive in the request");
  const refuse = (why: string, cause?: unknown): never => {
    throw new MeshproofError("archive-corrupt", `archive ${file}: ${why}`, {
      remedy: rewriteRemedy,
      ...(cause === undefined ? {} : { cause }),
    });
  };
  if ((await stat(file).catch(() => undefined))?.isFile() !== true) {
    throw new MeshproofError("artifact-unavailable", `archive ${file} does not exist`, {
      remedy: "check the path, or write one with `images save FILE`",
    });
  }
  const store = new Store();
  const key = (await sha256(file)).slice(0, 16);
  const folder = await request.progress.step(`check archive ${basename(file)}`, () =>
    store.entry("archive", key, async (staging) => {
      await command("tar", ["-xf", file, "-C", staging], { signal: request.signal }).catch((error: unknown) =>
        refuse("it is truncated or not a tar archive", error),
      );
      const manifest = await readManifest(staging, file, refuse);
      for (const [member, digest] of Object.entries(manifest.digests)) {
        const actual = await sha256(join(staging, member)).catch((error: unknown) =>
          refuse(`its ${member} is missing (${messageOf(error)})`),
        );
        if (actual !== digest)
          refuse(`its ${member} was altered: its SHA-256 is ${actual}, and the manifest says ${digest}`);
      }
      for (const member of Object.keys(manifest.digests).filter((m) => m.startsWith("chart-"))) {
        await mkdir(join(staging, "charts"), { recursive: true });
        await command("tar", ["-xf", join(staging, member), "-C", join(staging, "charts")]);
      }
    }),
  );
  const { artifacts: saved } = await readManifest(folder, file, refuse);
  const clusters: Record<string, ClusterArtifacts> = {};
  for (const [name, expected] of request.clusters) {
    const own =
      saved.clusters[name] ??
      refuse(`it holds no cluster ${name}, only ${Object.keys(saved.clusters).join(", ")}`);
    if (own.versions.kubernetes !== expected.kubernetes || own.versions.cilium !== expected.cilium) {
      throw new MeshproofError(
        "config-conflict",
        `archive ${file} holds Kubernetes ${own.versions.kubernetes} and Cilium ${own.versions.cilium} for ${name}; the request is for ${expected.kubernetes} and ${expected.cilium}`,
        {
          remedy: "request the archive's versions, or save an archive of the requested ones",
        },
      );
    }
    clusters[name] = { ...own, chartDir: join(folder, "charts", own.chartDir) };
  }
  const loaded = await Promise.all([
    ...Object.values(clusters).map((c) => imageId(c.nodeImage)),
    imageId(saved.proberImage),
  ]);
  if (loaded.some((id) => id === undefined)) {
    await request.progress.step("load images from the archive", () =>
      loadImages(join(folder, "images.tar"), request.signal),
    );
  }
  for (const own of Object.values(clusters)) {
    const id = await imageId(own.nodeImage);
    if (id !== own.nodeImageId)
      refuse(`its node image has id ${id}, and the manifest says ${own.nodeImageId}`);
  }
  const { ciliumCli: cli } = saved;
  return {
    ...saved,
    ...(cli !== undefined && "program" in cli
      ? { ciliumCli: { ...cli, program: join(folder, "cilium") } }
      : {}),
    source: "archive",
    reason: `from ${basename(file)}`,
    clusters,
    tools: { kind: join(folder, "kind"), helm: join(folder, "helm") },
  };
}

async function readManifest(
  folder: string,
  file: string,
  refuse: (why: string, cause?: unknown) => never,
): Promise<ArchiveManifest> {
  const text = await readFile(join(folder, "manifest.json"), "utf8").catch((error: unknown) =>
    refuse("it has no manifest", error),
  );
  return parseRecord(text, archiveManifestFormat, {
    what: `manifest.json of archive ${file}`,
    remedy: rewriteRemedy,
    code: "archive-corrupt",
  });
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
