import { readdir, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { clusterName } from "#harness/config/lab-file.ts";
import { readingUserFile, unreadable } from "#harness/config/user-file.ts";
import { isArchive } from "#harness/evidence/sysdump/archive.ts";
import { isUnpacked } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Note, SourceCluster } from "#harness/model/source-environment.ts";
import { idIn } from "./by-cluster.ts";
import { Charts, isChartName } from "./charts.ts";
import { clusterOf } from "./cluster-of.ts";
import { deployerKinds } from "./deployers.ts";
import { isKustomizationName } from "./gitops/kustomization.ts";
import { kustomized } from "./gitops/kustomize.ts";
import { refuseOverrides } from "./gitops/overrides.ts";
import { postBuilt } from "./gitops/post-build.ts";
import { withValuesFrom } from "./gitops/values-from.ts";
import { leftOut, type Part, type SourceFile } from "./part.ts";
import { partsOf, sourceFile } from "./read-file.ts";
import type { Around } from "./reading.ts";
import { Refusals } from "./refusals.ts";
import { chartNotes } from "./subchart-files.ts";
import { fromSysdumps } from "./sysdump-parts.ts";
import { couldBeValues } from "./unwrap.ts";
import { at, isPlaceholder } from "./values-at.ts";
import { ValuesFiles } from "./values-files.ts";

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
export async function readParts(files: readonly string[]): Promise<Part[]> {
  const refusals = new Refusals();
  const read = await allRead(files, refusals);
  const texts = read.flatMap((r, order): SourceFile[] => ("sysdump" in r ? [] : [{ ...r, order }]));
  const parts = read.flatMap((part, order) => ("sysdump" in part ? [{ part, order }] : []));
  // Objects of one file may change those of another, or name it.
  const whole = withValuesFrom(postBuilt(kustomized(texts)));
  refusals.attempt(() => refuseOverrides(whole), read.length);
  // What is wrong in an object says nothing where another one changes it.
  if (refusals.has(read.length)) refusals.throwAll();
  const around: Around = { others: new ValuesFiles(whole), charts: new Charts(whole) };
  const results = await Promise.allSettled(whole.map((file) => partsOfFile(file, around)));
  for (const [i, file] of whole.entries()) {
    const result = results[i];
    if (result === undefined || around.others.isTaken(file)) continue;
    if (result.status === "fulfilled")
      for (const part of result.value) parts.push({ part, order: file.order });
    else refusals.add(result.reason, file.order);
  }
  refusals.throwAll();
  return parts.toSorted((a, b) => a.order - b.order).map(({ part }) => part);
}

/** All files that can be read. */
async function allRead(files: readonly string[], refusals: Refusals): Promise<Read[]> {
  const read: Read[] = [];
  for (const file of files) {
    const [, cluster, path = file] = /^([a-z0-9-]+)=(.+)$/.exec(file) ?? [];
    try {
      const found = await stat(path).catch((error: unknown) => {
        throw unreadable(path, what, error);
      });
      const isFolder = found.isDirectory() && !(await isUnpacked(path));
      read.push(...(await (isFolder ? fromFolder(path, cluster) : fromPath(path, cluster))));
    } catch (error) {
      // Before the next file that is read.
      refusals.add(error, read.length - 0.5);
    }
  }
  return read;
}

/** A sysdump, or a text file that is not understood yet. */
type Read = Part | SourceFile;

/**
 * The clusters of all parts. A mesh needs at least two. An upgrade check needs one, and takes names that no lab can have:
 * they are findings.
 */
export function clustersOf(parts: readonly Part[], atLeast: 1 | 2 = 2): SourceCluster[] {
  requireMesh(parts);
  const placed = withPlaces(parts);
  const names = [
    ...new Set(
      placed.filter((p) => !isOnlyVersion(p)).flatMap((p) => (p.cluster === undefined ? [] : [p.cluster])),
    ),
  ];
  const named = placed.map((p) => (isOnlyVersion(p) ? ofKnownCluster(p, names) : p));
  requireNames(named, names, atLeast);
  return names.map((name) =>
    clusterOf(
      name,
      named.filter((p) => (p.cluster ?? names[0]) === name),
    ),
  );
}

/** Of a file, or of an unpacked sysdump. */
const fromPath = (path: string, cluster: string | undefined): Promise<Read[]> =>
  readingUserFile(path, what, remedy, async () =>
    archives.has(extname(path).toLowerCase()) || (await stat(path)).isDirectory() || (await isArchive(path))
      ? fromSysdumps(path, cluster)
      : [sourceFile(path, cluster)],
  );

/** Folders of a repository that hold nothing of a mesh, and may be huge. */
const skipped = new Set([".git", "node_modules", ".terraform"]);
/** Folders of a chart: other charts, and templates that only Helm reads. */
const ofChart = new Set(["charts", "templates", "crds", "files"]);
const archives: ReadonlySet<string> = new Set([".zip", ".tar", ".gz", ".tgz"]);
const read = new Set([".yaml", ".yml", ".json", ".sh", ...archives]);

const isRead = (name: string): boolean => read.has(extname(name).toLowerCase()) || isKustomizationName(name);

async function fromFolder(folder: string, cluster: string | undefined): Promise<Read[]> {
  const found: Read[] = [];
  const terraform: string[] = [];
  const walk = async (dir: string): Promise<void> => {
    const entries = await readdir(dir, { withFileTypes: true });
    const isChart = entries.some((e) => isChartName(e.name));
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(dir, entry.name);
      const isFolder =
        entry.isDirectory() && !skipped.has(entry.name) && !(isChart && ofChart.has(entry.name));
      const isDump = isFolder && (await isUnpacked(path));
      if (isFolder && !isDump) await walk(path);
      else if (isDump || (entry.isFile() && isRead(entry.name)))
        found.push(...(await orLeftOut({ path, cluster, below: folder }, () => fromPath(path, cluster))));
      else if (entry.isFile() && extname(entry.name).toLowerCase() === ".tf") terraform.push(path);
    }
  };
  await walk(folder);
  if (found.length === 0 && terraform.length > 0)
    throw new MeshproofError(
      "usage",
      `${folder} contains only Terraform code, which is not executed: ${shortList(terraform, 8)}`,
      { remedy: "give what `helm get values` prints of each cluster" },
    );
  if (found.length === 0)
    throw new MeshproofError("usage", `${folder} contains no file of a mesh`, {
      remedy: `give a folder with ${[...read].join(", ")} files: Helm values, output of kubectl, sysdumps`,
    });
  return found;
}

/** Kinds of objects that are of no cluster of the mesh, if a file holds nothing else. */
function deployedFrom(parts: readonly Part[]): string[] {
  const objects = parts.flatMap((p) => p.objects);
  const isOther =
    objects.length > 0 && parts.every((p) => isEmpty({ ...p, objects: [] }) && p.cluster === undefined);
  return isOther ? deployerKinds({ objects }) : [];
}

async function partsOfFile(file: SourceFile, around: Around): Promise<Part[]> {
  const { path, cluster, below, notes } = file;
  if (around.charts.isOfChart(file))
    return [emptyPart({ ...file, notes: [...notes, ...chartNotes(file, around.charts)] })];
  if (around.charts.isDefaults(file)) {
    const defaults = leftOut(path, "holds the defaults of a copy of Cilium's chart");
    return [emptyPart({ ...file, notes: [...notes, defaults] })];
  }
  const parts = (): Promise<Part[]> => readingUserFile(path, what, remedy, async () => partsOf(file, around));
  if (below === undefined) return withoutDeployers(await parts(), path);
  return orLeftOut<Part>({ path, cluster, below, notes }, async () => {
    const read = await parts();
    const isForeign = read.some((p) => p.values !== undefined && !couldBeValues(p.values));
    if (isForeign) throw new MeshproofError("config-invalid", `${path} is of another program`);
    return withoutDeployers(read, path);
  });
}

/** Objects that only install charts are of no cluster of the mesh. */
function withoutDeployers(parts: Part[], path: string): Part[] {
  const kinds = deployedFrom(parts);
  if (kinds.length === 0) return parts;
  const holds = leftOut(path, `holds no values, only ${kinds.join(", ")}`);
  return parts.map((p, i) => ({ ...p, objects: [], notes: i === 0 ? [...p.notes, holds] : p.notes }));
}

const emptyPart = ({
  path,
  cluster,
  below,
  notes,
}: Pick<SourceFile, "path" | "cluster" | "below" | "notes">): Part => ({
  source: path,
  cluster,
  ...present({ below }),
  objects: [],
  sysdump: false,
  notes,
});

/** A folder may hold files of other things: one that cannot be read is named, and left out. */
async function orLeftOut<T extends Read>(
  {
    path,
    notes = [],
    ...file
  }: Pick<SourceFile, "path" | "cluster" | "below"> & { readonly notes?: readonly Note[] },
  read: () => Promise<T[]>,
): Promise<(T | Part)[]> {
  try {
    return (await read()).map((r) => ({ ...r, below: file.below }));
  } catch (error) {
    const isOther =
      error instanceof MeshproofError &&
      (error.code === "config-invalid" ||
        error.code === "archive-corrupt" ||
        error.message.includes("neither"));
    if (!isOther) throw error;
    const { message } = error;
    const why = message.startsWith(path) ? message.slice(path.length).replace(/^:? /, "") : message;
    return [emptyPart({ ...file, path, notes: [...notes, leftOut(path, why)] })];
  }
}

/**
 * A part that names no cluster belongs to the only one that the others of its kustomization, or of one around it, name;
 * else of its folder, or of one above it.
 */
function withPlaces(parts: readonly Part[]): Part[] {
  const named = parts.filter((p) => p.cluster !== undefined);
  const only = (inside: readonly Part[]): string | undefined => {
    const names = new Set(inside.map((p) => p.cluster));
    return names.size === 1 ? [...names][0] : undefined;
  };
  return parts.map((part) => {
    if (part.cluster !== undefined) return part;
    const { unit = [] } = part;
    for (const depth of unit.keys()) {
      const cluster = only(named.filter((p) => unit.slice(0, depth + 1).every((u, i) => u === p.unit?.[i])));
      if (cluster !== undefined) return { ...part, cluster };
    }
    if (part.below === undefined) return part;
    for (let dir = dirname(homeOf(part)); ; dir = dirname(dir)) {
      const inside = named.filter((p) => homeOf(p).startsWith(`${dir}/`));
      const cluster = only(inside);
      if (cluster !== undefined) return { ...part, cluster };
      // A folder for each cluster, named like it.
      if (inside.length > 0 || dir === part.below || dir === dirname(dir)) return part;
    }
  });
}

/** A kustomization may take its files from anywhere. */
const homeOf = ({ unit = [], source }: Part): string => unit[0] ?? source;

const isEmpty = (part: Part): boolean =>
  part.values === undefined &&
  part.config === undefined &&
  part.objects.length === 0 &&
  part.networking === undefined;

/** As `helm list` tells it: nothing to make a cluster of. */
const isOnlyVersion = (part: Part): boolean => part.version !== undefined && isEmpty(part);

function ofKnownCluster(part: Part, names: readonly string[]): Part {
  const { cluster, version, ...rest } = part;
  if (cluster === undefined ? names.length === 1 : names.includes(cluster)) return part;
  const whose = cluster === undefined ? "no cluster is named" : `no other file is of cluster ${cluster}`;
  const unread = leftOut(part.source, `Cilium ${version} by \`helm list\`, but ${whose}`);
  return { ...rest, cluster: names[0], notes: [...part.notes, unread] };
}

/** Folders of which no file could be read. */
function requireMesh(parts: readonly Part[]): void {
  const why = parts.flatMap((p) =>
    p.notes.map((n) => `${n.field === "file" ? "" : `${n.field}: `}${n.inSource}`),
  );
  if (parts.length === 0 || !parts.every(isEmpty) || why.length === 0) return;
  const more = why.length > 4 ? `; and ${why.length - 4} more` : "";
  throw new MeshproofError("usage", `no file is of a mesh: ${why.slice(0, 4).join("; ")}${more}`, {
    remedy,
  });
}

function requireNames(parts: readonly Part[], names: readonly string[], atLeast: number): void {
  const refusals = new Refusals();
  const unnamed = parts.filter((p) => p.cluster === undefined);
  for (const part of unnamed)
    refusals.attempt(() => requireName(part, names, unnamed.filter((p) => isUnnamed(p, names)).length > 1));
  for (const name of names)
    refusals.attempt(() => {
      const own = parts.filter((p) => p.cluster === name);
      requireOneDump(name, own);
      requireOneId(name, own);
      requireUsable(name, own, atLeast);
    });
  refusals.throwAll();
  if (names.length < atLeast)
    throw new MeshproofError(
      "usage",
      `${names.length === 0 ? "no cluster" : `only cluster ${names[0]}`} is in ${[...new Set(parts.map((p) => p.source))].join(", ")}`,
      { remedy: "a mesh needs at least two clusters: give the sysdump or the Helm values of each" },
    );
}

const isUnnamed = (part: Part, names: readonly string[]): boolean =>
  names.length !== 1 && !(isEmpty(part) && names.length > 0);

/** Of a part without a cluster. `several`: there are others. */
function requireName(part: Part, names: readonly string[], several: boolean): void {
  const written = at(part.values ?? {}, "cluster.name");
  const file = shellQuote([several ? "NAME=FILE" : `NAME=${part.source}`]);
  // Its values must not become those of the only cluster that has a name.
  if (isPlaceholder(written))
    throw new MeshproofError(
      "usage",
      `${part.source} does not name its cluster: cluster.name is ${JSON.stringify(written).slice(0, 80)}, a placeholder`,
      {
        remedy: `give the rendered form (\`helm template\`, \`helm get values\`), or the name: ${file}; if it is for several, once for each`,
      },
    );
  if (!isUnnamed(part, names)) return;
  const unread = part.notes.filter((n) => n.field === "values in other files").map((n) => n.inSource);
  const more = unread.length === 0 ? "" : `; not read: ${shortList(unread, 4)}`;
  throw new MeshproofError("usage", `${part.source} does not name its cluster${more}`, {
    remedy: `give it as ${file}${names.length === 0 ? "" : `, NAME one of ${names.join(", ")}`}; if it is for several, once for each`,
  });
}

function requireOneDump(name: string, own: readonly Part[]): void {
  const dumps = own.filter((p) => p.sysdump);
  if (dumps.length > 1)
    throw new MeshproofError(
      "usage",
      `${dumps.map((d) => d.source).join(" and ")} are both from cluster ${name}`,
      { remedy: "give one sysdump per cluster" },
    );
}

/** The names become names of files and containers. */
function requireUsable(name: string, [first]: readonly Part[], atLeast: number): void {
  const found = clusterName.safeParse(name);
  if (atLeast === 2 && (!found.success || name === "lab"))
    throw new MeshproofError(
      "usage",
      `${first?.source ?? "a file"} has the invalid cluster name ${JSON.stringify(name.slice(0, 80))}`,
      { remedy: found.error?.issues[0]?.message ?? "'lab' is the name of the lab's own file" },
    );
}

/** Values of two clusters with one name would become values of one cluster. */
function requireOneId(name: string, parts: readonly Part[]): void {
  const own = parts.map((p) => ({ source: p.source, id: idIn(p) })).filter((p) => p.id !== undefined);
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
