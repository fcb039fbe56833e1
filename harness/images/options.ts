import { MeshproofError } from "#harness/lib/errors.ts";
import type { ImageSource } from "#harness/model/artifacts.ts";

export interface ImageOptions {
  readonly source: ImageSource | "auto";
  readonly archive?: string;
  readonly registryMirror?: string;
}

/** `registry`, `source`, `archive=FILE` or `auto`, with the mirror's `host:port`. */
export function checkArchiveOption(images: string, registryMirror: string | undefined): ImageOptions {
  if (registryMirror !== undefined && !/^[A-Za-z0-9.-]+:\d{1,5}$/.test(registryMirror)) {
    throw new MeshproofError("usage", `--registry-mirror ${registryMirror} is not of the form host:port`, {
      cure: "for example --registry-mirror 127.0.0.1:5000",
    });
  }
  const mirror = registryMirror === undefined ? {} : { registryMirror };
  const archive = /^archive=(.+)$/.exec(images)?.[1];
  if (archive !== undefined) return { source: "archive", archive, ...mirror };
  if (images === "auto" || images === "registry" || images === "source") return { source: images, ...mirror };
  throw new MeshproofError("usage", `--images ${images} is none of registry, source, archive=FILE and auto`);
}
