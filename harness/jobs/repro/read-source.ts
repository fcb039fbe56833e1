import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { readingUserFile, unreadable } from "#harness/config/user-file.ts";
import { isArchive } from "#harness/evidence/sysdump/archive.ts";
import { isUnpacked } from "#harness/evidence/sysdump/sysdump.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { present } from "#harness/lib/present.ts";
import { shortList } from "#harness/lib/short-list.ts";
import type { Note, SourceCluster } from "#harness/model/source-environment.ts";
import { Charts, isChartName } from "./charts.ts";
import { deployerKinds } from "./deployers.ts";
import { isKustomizationName } from "./gitops/kustomization.ts";
import { kustomized } from "./gitops/kustomize.ts";
import { refuseOverrides } from "./gitops/overrides.ts";
import { postBuilt } from "./gitops/post-build.ts";
import { withValuesFrom } from "./gitops/values-from.ts";
import { leftOut, type Part, type SourceFile, unreadFile } from "./part.ts";
import { clustersOf, isEmpty, requireUsable, whatToGive } from "./parts-by-cluster.ts";
import { partsOf, sourceFile } from "./read-file.ts";
import type { Around } from "./reading.ts";
import { Refusals } from "./refusals.ts";
import { chartNotes } from "./subchart-files.ts";
import { fromSysdumps } from "./sysdump-parts.ts";
import { unreadInstaller } from "./unread-installers.ts";
import { couldBeValues } from "./unwrap.ts";
import { ValuesFiles } from "./values-files.ts";

const what = "a file of the mesh";

/**
 * Reads sysdumps, Helm values, kubectl YAML, scripts with `--set`, and folders of them, in any combination; `NAME=FILE`
 * names the cluster of a file that does not name it. Nothing in them is executed.
 */
export async function readSource(files: readonly string[]): Promise<SourceCluster[]> {
  return clustersOf(await readParts(files, 2));
}

/** What the files say, before it is divided by clusters. `atLeast`: as in `clustersOf`. */
export async function readParts(files: readonly string[], atLeast: 1 | 2 = 1): Promise<Part[]> {
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
  // Beside files that cannot be read, names that cannot be used: nobody should correct one after the other.
  for (const { part, order } of refusals.isEmpty ? [] : parts)
    if (part.cluster !== undefined)
      refusals.attempt(() => requireUsable(part.cluster ?? "", [part], atLeast), order);
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
      const before = read.length;
      const refuse = (error: unknown, at: number): void => refusals.add(error, before + at - 0.5);
      read.push(...(await (isFolder ? fromFolder(path, cluster, refuse) : fromPath(path, cluster))));
    } catch (error) {
      // Before the next file that is read.
      refusals.add(error, read.length - 0.5);
    }
  }
  return read;
}

/** A sysdump, or a text file that is not understood yet. */
type Read = Part | SourceFile;

/** Of a file, or of an unpacked sysdump. */
const fromPath = (path: string, cluster: string | undefined): Promise<Read[]> =>
  readingUserFile(path, what, whatToGive, async () =>
    archives.has(extname(path).toLowerCase()) || (await stat(path)).isDirectory() || (await isArchive(path))
      ? fromSysdumps(path, cluster)
      : [sourceFile(path, cluster)],
  );

/** Folders of a repository that hold nothing of a mesh, and may be huge. */
const skipped = new Set([".git", "node_modules", ".terraform"]);
/** Folders of a chart: other charts, and templates that only Helm reads. */
const ofChart = new Set(["charts", "templates", "crds", "files"]);
const archives: ReadonlySet<string> = new Set([".zip", ".tar", ".gz", ".tgz"]);
const read = new Set([".yaml", ".yml", ".json", ".sh", ".gotmpl", ...archives]);

const isRead = (name: string): boolean => read.has(extname(name).toLowerCase()) || isKustomizationName(name);

/** `refuse` takes up an error about one of the files, with the number of those read before. */
async function fromFolder(
  folder: string,
  cluster: string | undefined,
  refuse: (error: unknown, at: number) => void,
): Promise<Read[]> {
  const found: Read[] = [];
  let isRefused = false;
  const terraform: string[] = [];
  /** Named, and not read: alone they are no files of a mesh. */
  const left: Part[] = [];
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
        try {
          found.push(...(await orLeftOut({ path, cluster, below: folder }, () => fromPath(path, cluster))));
        } catch (error) {
          isRefused = true;
          refuse(error, found.length);
        }
      else if (entry.isFile()) {
        if (extname(entry.name).toLowerCase() === ".tf") terraform.push(path);
        const why = await unreadInstaller(path);
        const notes = why === undefined ? [] : [unreadFile(path, why, cluster)];
        if (notes.length > 0) left.push(emptyPart({ path, cluster, below: folder, notes }));
      }
    }
  };
  await walk(folder);
  if (isRefused) return found;
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
  return [...found, ...left];
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
  const parts = (): Promise<Part[]> =>
    readingUserFile(path, what, whatToGive, async () => partsOf(file, around));
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
    return [emptyPart({ ...file, path, notes: [...notes, unreadFile(path, why, file.cluster)] })];
  }
}
