import { stat } from "node:fs/promises";
import { unreadable } from "#harness/config/user-file.ts";
import type { ClusterEvidence } from "#harness/evidence/evidence.ts";
import { readSysdumps } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { evidenceOfFiles, isEvidenceFolder } from "../../diagnose.ts";
import { readParts } from "../../repro/read-source.ts";
import type { ReadMesh } from "./checked-mesh.ts";

/** `NAME=PATH` or `PATH`. */
interface Given {
  readonly named: string | undefined;
  readonly path: string;
}

/** Archives, folders of evidence, Helm values and manifests, in any combination. */
export async function readFiles(words: readonly string[]): Promise<ReadMesh> {
  const archives: Given[] = [];
  const files: string[] = [];
  for (const word of words) {
    const given = split(word);
    if (await isArchive(given.path)) archives.push(given);
    else files.push(word);
  }
  const parts = await readParts(files);
  // Archives in a folder with other files.
  const inside = new Set(parts.filter((p) => p.sysdump).map((p) => p.source));
  const evidence = await evidenceOfFiles([...archives.map((a) => a.path), ...inside]);
  requireNames(archives, evidence);
  return { evidence, parts: parts.filter((p) => !inside.has(p.source)), crds: new Map() };
}

function split(word: string): Given {
  const [, named, path = word] = /^([a-z0-9-]+)=(.+)$/.exec(word) ?? [];
  return { named, path };
}

async function isArchive(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, "a file of the mesh", error);
  });
  if (!found.isDirectory()) return /\.(zip|tar|tgz|gz)$/i.test(path);
  return isEvidenceFolder(path) || (await readSysdumps(path)).length > 0;
}

/** An archive names its cluster; that of a name which another cluster has, too, was read as `NAME (FILE)`. */
function requireNames(archives: readonly Given[], evidence: ReadonlyMap<string, ClusterEvidence>): void {
  const names = [...evidence.keys()];
  for (const { named, path } of archives)
    if (named !== undefined && !names.includes(named))
      throw new MeshproofError(
        "usage",
        `${path} is not from cluster ${named}, but from ${names.join(", ")}`,
        {
          remedy: `give it without a name: ${shellQuote([path])}`,
        },
      );
  for (const name of names) {
    const [, twin, file] = /^(.*) \((.*)\)$/.exec(name) ?? [];
    if (twin !== undefined)
      throw new MeshproofError("usage", `${file} is from another cluster with the name ${twin}`, {
        remedy: "a mesh needs another name for each cluster: rename one first, or check each of them alone",
      });
  }
}
