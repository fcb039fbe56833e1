import { closeSync, openSync, readSync } from "node:fs";
import { unreadable } from "#harness/config/user-file.ts";
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
      remedy: "for example --registry-mirror 127.0.0.1:5000",
    });
  }
  const mirror = registryMirror === undefined ? {} : { registryMirror };
  const archive = /^archive=(.+)$/.exec(images)?.[1];
  if (archive !== undefined) {
    checkTar(archive);
    return { source: "archive", archive, ...mirror };
  }
  if (images === "auto" || images === "registry" || images === "source") return { source: images, ...mirror };
  throw new MeshproofError("usage", `--images ${images} is none of registry, source, archive=FILE and auto`);
}

/** The magic of a tar header, at offset 257. Checked first, so that a file that is no tar changes nothing. */
function checkTar(path: string): void {
  const head = Buffer.alloc(512);
  try {
    const file = openSync(path, "r");
    try {
      readSync(file, head);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(
      path,
      "--images archive=FILE",
      error,
      "check the path, or write one with `images save FILE`",
    );
  }
  if (head.toString("latin1", 257, 262) !== "ustar")
    throw new MeshproofError("archive-corrupt", `${path} (--images archive=FILE) is not a tar archive`, {
      remedy: "copy it again, or write a new one with `images save FILE`",
    });
}
