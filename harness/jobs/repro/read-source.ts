import { readdir, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { clusterName } from "#harness/config/lab-file.ts";
import { readingUserFile, unreadable } from "#harness/config/user-file.ts";
import { isArchive } from "#harness/evidence/sysdump/archive.ts";
import { isUnpacked } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { clusterOf } from "./cluster-of.ts";
import { type Part, partsOf } from "./read-file.ts";
import { fromSysdumps } from "./sysdump-parts.ts";
import { couldBeValues } from "./unwrap.ts";
import { at, isPlaceholder } from "./values-at.ts";

/** A part of a file that was found in a folder; its folder may say of which cluster it is. */
export type SourcePart = Part & { readonly below?: string };

const what = "a file of the mesh";
const remedy = "give output of `helm get values`, `kubectl get -o yaml` or `cilium sysdump`";

/**
 * Reads sysdumps, Helm values, kubectl YAML, scripts with `--set`, and folders of them, in any combination; `NAME=FILE`
 * names the cluster of a file that does not name it. Nothing in them is executed.
 */
export async function readSource(files: readonly string[]): Promise<SourceCluster[]> {
  return clustersOf(await readParts(files));
}

/** What the files say, before it is divided by clusters. */
export async function readParts(files: readonly string[]): Promise<SourcePart[]> {
  const parts: SourcePart[] = [];
  for (const file of files) {
    const [, cluster, path] = /^([a-z0-9-]+)=(.+)$/.exec(file) ?? [undefined, undefined, file];
    if (path === undefined) continue;
    const found = await stat(path).catch((error: unknown) => {
      throw unreadable(path, what, error);
    });
    parts.push(
      ...(found.isDirectory() && !(await isUnpacked(path))
        ? await fromFolder(path, cluster)
        : await fromPath(path, cluster)),
    );
  }
  return parts;
}

/** The clusters of all parts; a mesh needs at least two, an upgrade check one. */
export function clustersOf(parts: readonly SourcePart[], atLeast: 1 | 2 = 2): SourceCluster[] {
  requireMesh(parts);
  const named = withFolders(parts);
  const names = [...new Set(named.map((p) => p.cluster).filter((n) => n !== undefined))];
  requireNames(named, names, atLeast);
  return names.map((name) =>
    clusterOf(
      name,
      named.filter((p) => (p.cluster ?? names[0]) === name),
    ),
  );
}

/** Of a file, or of an unpacked sysdump. */
const fromPath = (path: string, cluster: string | undefined): Promise<Part[]> =>
  readingUserFile(path, what, remedy, async () =>
    archives.has(extname(path).toLowerCase()) || (await stat(path)).isDirectory() || (await isArchive(path))
      ? fromSysdumps(path, cluster)
      : partsOf(path, cluster),
  );

/** Folders of a repository that hold nothing of a mesh, and may be huge. */
const skipped = new Set([".git", "node_modules", ".terraform", "charts", "templates"]);
const archives: ReadonlySet<string> = new Set([".zip", ".tar", ".gz", ".tgz"]);
const read = new Set([".yaml", ".yml", ".json", ".sh", ...archives]);

async function fromFolder(folder: string, cluster: string | undefined): Promise<SourcePart[]> {
  const found: SourcePart[] = [];
  const terraform: string[] = [];
  const walk = async (dir: string): Promise<void> => {
    const entries = await readdir(dir, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(dir, entry.name);
      const isFolder = entry.isDirectory() && !skipped.has(entry.name);
      const isDump = isFolder && (await isUnpacked(path));
      if (isFolder && !isDump) await walk(path);
      else if (isDump || (entry.isFile() && read.has(extname(entry.name).toLowerCase())))
        found.push(...(await fromFolderFile(path, cluster)).map((p) => ({ ...p, below: folder })));
      else if (entry.isFile() && extname(entry.name).toLowerCase() === ".tf") terraform.push(path);
    }
  };
  await walk(folder);
  if (found.length === 0 && terraform.length > 0)
    throw new MeshproofError(
      "usage",
      `${folder} contains only Terraform code, which is not executed: ${terraform.slice(0, 8).join(", ")}${terraform.length > 8 ? ` and ${terraform.length - 8} more` : ""}`,
      { remedy: "give what `helm get values` prints of each cluster" },
    );
  if (found.length === 0)
    throw new MeshproofError("usage", `${folder} contains no file of a mesh`, {
      remedy: `give a folder with ${[...read].join(", ")} files: Helm values, output of kubectl, sysdumps`,
    });
  return found;
}

/** API groups of programs that install charts and manifests on other clusters. */
const deployers =
  /(^|\.)(argoproj\.io|fluxcd\.io|fleet\.cattle\.io|cluster\.x-k8s\.io|kustomize\.config\.k8s\.io)$/;

/** Kinds of objects that are of no cluster of the mesh, if a file holds nothing else. */
function deployedFrom(parts: readonly Part[]): string[] {
  const objects = parts.flatMap((p) => p.objects);
  const isOther = parts.every((p) => isEmpty({ ...p, objects: [] }) && p.cluster === undefined);
  const groups = objects.map((o) => o.apiVersion?.replace(/\/.*/, "") ?? "");
  return isOther && groups.every((group) => deployers.test(group))
    ? [...new Set(objects.flatMap((o) => o.kind ?? []))]
    : [];
}

/** A folder may hold files of other things: one that cannot be read is named, and left out. */
async function fromFolderFile(path: string, cluster: string | undefined): Promise<Part[]> {
  try {
    const parts = await fromPath(path, cluster);
    const isForeign = parts.some((p) => p.values !== undefined && !p.sysdump && !couldBeValues(p.values));
    if (isForeign) throw new MeshproofError("config-invalid", `${path} is of another program`);
    const kinds = deployedFrom(parts);
    if (kinds.length > 0)
      throw new MeshproofError("config-invalid", `${path} holds no values, only ${kinds.join(", ")}`);
    return parts;
  } catch (error) {
    const isOther =
      error instanceof MeshproofError &&
      (error.code === "config-invalid" ||
        error.code === "archive-corrupt" ||
        error.message.includes("neither"));
    if (!isOther) throw error;
    const inSource = `${path}: ${error.message.replace(`${path} `, "")}`;
    return [
      {
        source: path,
        cluster,
        objects: [],
        sysdump: false,
        notes: [{ field: "file", inSource, inLab: "left out", matters: "perhaps", part: "other" }],
      },
    ];
  }
}

/** A file that names no cluster belongs to the only one that the other files of its folder, or of one above it, name. */
function withFolders(parts: readonly SourcePart[]): SourcePart[] {
  return parts.map((part) => {
    if (part.cluster !== undefined || part.below === undefined) return part;
    for (let dir = dirname(part.source); ; dir = dirname(dir)) {
      const inside = parts.filter((p) => p.source.startsWith(`${dir}/`) && p.cluster !== undefined);
      const names = new Set(inside.map((p) => p.cluster));
      if (names.size === 1) return { ...part, cluster: [...names][0] };
      // A folder for each cluster, named like it.
      if (names.size > 1 || dir === part.below || dir === dirname(dir)) return part;
    }
  });
}

const isEmpty = (part: Part): boolean =>
  part.values === undefined &&
  part.config === undefined &&
  part.objects.length === 0 &&
  part.networking === undefined;

/** Folders of which no file could be read. */
function requireMesh(parts: readonly Part[]): void {
  const why = parts.flatMap((p) => p.notes.filter((n) => n.field === "file").map((n) => n.inSource));
  if (parts.length === 0 || !parts.every(isEmpty) || why.length === 0) return;
  const more = why.length > 4 ? `; and ${why.length - 4} more` : "";
  throw new MeshproofError("usage", `no file is of a mesh: ${why.slice(0, 4).join("; ")}${more}`, {
    remedy,
  });
}

function requireNames(parts: readonly Part[], names: readonly string[], atLeast: number): void {
  for (const part of parts) {
    const written = at(part.values ?? {}, "cluster.name");
    // Its values must not become those of the only cluster that has a name.
    if (part.cluster === undefined && isPlaceholder(written))
      throw new MeshproofError(
        "usage",
        `${part.source} does not name its cluster: cluster.name is ${JSON.stringify(written).slice(0, 80)}, a placeholder`,
        {
          remedy: `give the rendered form (\`helm template\`, \`helm get values\`), or the name: ${shellQuote([`NAME=${part.source}`])}; if it is for several, once for each`,
        },
      );
    if (part.cluster === undefined && names.length !== 1 && !(isEmpty(part) && names.length > 0))
      throw new MeshproofError("usage", `${part.source} does not name its cluster`, {
        remedy: `give it as ${shellQuote([`NAME=${part.source}`])}${names.length === 0 ? "" : `, NAME one of ${names.join(", ")}`}; if it is for several, once for each`,
      });
  }
  for (const name of names) {
    const dumps = parts.filter((p) => p.sysdump && p.cluster === name);
    if (dumps.length > 1)
      throw new MeshproofError(
        "usage",
        `${dumps.map((d) => d.source).join(" and ")} are both from cluster ${name}`,
        { remedy: "give one sysdump per cluster" },
      );
    requireOneId(name, parts);
    // The names become names of files and containers.
    const found = clusterName.safeParse(name);
    const [first] = parts.filter((p) => p.cluster === name);
    if (!found.success || name === "lab")
      throw new MeshproofError(
        "usage",
        `${first?.source ?? "a file"} has the invalid cluster name ${JSON.stringify(name.slice(0, 80))}`,
        { remedy: found.error?.issues[0]?.message ?? "'lab' is the name of the lab's own file" },
      );
  }
  if (names.length < atLeast)
    throw new MeshproofError(
      "usage",
      `${names.length === 0 ? "no cluster" : `only cluster ${names[0]}`} is in ${[...new Set(parts.map((p) => p.source))].join(", ")}`,
      { remedy: "a mesh needs at least two clusters: give the sysdump or the Helm values of each" },
    );
}

/** Values of two clusters with one name would become values of one cluster. */
function requireOneId(name: string, parts: readonly Part[]): void {
  const own = parts
    .filter((p) => p.cluster === name)
    .map((p) => ({ source: p.source, id: p.config?.["cluster-id"] ?? at(p.values ?? {}, "cluster.id") }))
    .filter((p) => p.id !== undefined);
  const [first] = own;
  const other = own.find((p) => String(p.id) !== String(first?.id));
  if (first !== undefined && other !== undefined)
    throw new MeshproofError(
      "usage",
      `${first.source} has cluster ${name} with id ${first.id}, ${other.source} with id ${other.id}`,
      {
        remedy:
          "a mesh needs another name for each cluster: correct cluster.name, or leave out the file that is not of it",
      },
    );
}
