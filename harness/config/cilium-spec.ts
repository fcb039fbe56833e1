import { statSync } from "node:fs";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { pinnedPatch } from "./pins.ts";
import { readUserFile } from "./user-file.ts";

const versionPattern = /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/;

/** A version, or a folder with Cilium's go.mod and VERSION. Throws `usage` or `config-invalid` for anything else. */
export function readCiliumSpec(spec: string): { readonly version: string; readonly checkout?: string } {
  const bare = spec.replace(/^v(?=\d)/, "");
  if (versionPattern.test(bare)) return { version: bare };
  const patch = pinnedPatch(bare, "cilium");
  const remedy =
    patch === undefined
      ? "give a published version, or the path of a Cilium checkout"
      : `give the patch release too: --cilium ${patch}`;
  const foreign = new MeshproofError(
    "usage",
    `--cilium ${spec} is neither a version such as 1.20.2 nor a folder with Cilium's go.mod`,
    { remedy },
  );
  if (statSync(join(spec, "go.mod"), { throwIfNoEntry: false }) === undefined) throw foreign;
  if (!readUserFile(join(spec, "go.mod"), `--cilium ${spec}`).startsWith("module github.com/cilium/cilium"))
    throw foreign;
  const version = readUserFile(join(spec, "VERSION"), `--cilium ${spec}`, remedy).trim();
  if (!versionPattern.test(version))
    throw new MeshproofError("config-invalid", `${join(spec, "VERSION")} (--cilium) contains no version`, {
      remedy,
    });
  return { version, checkout: spec };
}
