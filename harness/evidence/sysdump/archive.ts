import { createReadStream } from "node:fs";
import { lstat, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { crc32, createGunzip } from "node:zlib";
import { openPromise, type Entry as ZipEntry, type ZipFile } from "yauzl";
import { unreadable } from "#harness/config/user-file.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { visible } from "#harness/lib/visible.ts";
import { type Entry, type Expected, Intake, limits, mib, refusal, type Skipped, shown } from "./intake.ts";
import { EndsEarly, tarEntries } from "./tar.ts";

/** The expected files of an archive, by path, and the expected parts that were not read. */
export interface Archive {
  readonly files: ReadonlyMap<string, string>;
  readonly skipped: readonly Skipped[];
  /** Names of archives within it, which are not opened. */
  readonly inner: readonly string[];
}

/**
 * Reads a zip, tar or tar.gz, or a folder with the same files. Of all other files only the name is checked; nothing is
 * written to disk. Refuses an archive that is not what Cilium's tools write; a part that is too large or damaged is
 * skipped and named.
 */
export async function readArchive(path: string, expected: Expected): Promise<Archive> {
  const intake = new Intake(path, expected);
  const kind = await kindOf(path);
  try {
    if (kind === "zip") await takeAll(intake, zipEntries(path));
    else if (kind === "folder") await takeAll(intake, folderEntries(path));
    else await takeTar(intake, "the rest of the archive", tarEntries(contentOf(path, kind), intake.budget));
    return intake;
  } catch (error) {
    if (error instanceof MeshproofError) throw error;
    throw refusal(path, visible(messageOf(error)), error);
  }
}

/** The expected files of a zip that must be complete, such as a bundle. */
export async function readZip(
  path: string,
  expected: (name: string) => boolean,
): Promise<ReadonlyMap<string, string>> {
  const kind = await kindOf(path);
  if (kind !== "zip") throw refusal(path, "not a zip archive");
  const { files, skipped } = await readArchive(path, (name) => (expected(name) ? { as: "text" } : undefined));
  const [first] = skipped;
  if (first !== undefined) throw refusal(path, `${shown(first.name)}: ${first.why}`);
  return files;
}

type Packed = "zip" | "tar" | "tar.gz";
type Kind = Packed | "folder";

/** By content: names of files that people send are often wrong. */
async function packedKindOf(path: string): Promise<Packed | undefined> {
  const start = await firstBytes(path, 263);
  if (start.subarray(0, 2).toString("latin1") === "PK") return "zip";
  if (start[0] === 0x1f && start[1] === 0x8b) return "tar.gz";
  return start.subarray(257, 262).toString("latin1") === "ustar" ? "tar" : undefined;
}

/** Reads nothing of a pipe, which gives its content only once. */
export const isArchive = async (path: string): Promise<boolean> =>
  (await stat(path)).isFile() && (await packedKindOf(path)) !== undefined;

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return "folder";
    if (!found.isFile()) throw refusal(path, "neither a file nor a folder");
    if (found.size > limits.archiveBytes)
      throw refusal(path, `${mib(found.size)}; the limit is ${mib(limits.archiveBytes)}`);
    const packed = await packedKindOf(path);
    if (packed !== undefined) return packed;
  } catch (error) {
    if (error instanceof MeshproofError) throw error;
    throw unreadable(path, "an archive", error);
  }
  throw refusal(path, "not a zip archive, a tar, a tar.gz or a folder");
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function takeAll(intake: Intake, entries: AsyncIterable<Entry>): Promise<void> {
  for await (const entry of entries) {
    if ((await intake.take(entry)) !== "bugtool") continue;
    // The Cilium CLI keeps the archive that it could not unpack itself.
    const folder = entry.name.replace(/\.tar\.gz$|\.tgz$|\.tar$/, "");
    const content = entry.name.endsWith(".tar") ? entry.open() : unzipped(Readable.from(entry.open()));
    try {
      await takeTar(intake, entry.name, under(folder, tarEntries(content, intake.budget)));
    } catch (error) {
      if (error instanceof MeshproofError) throw error;
      intake.skip(entry.name, visible(messageOf(error)).slice(0, 200));
    }
  }
}

/** A truncated tar is read up to its end; `rest` names what is missing. */
async function takeTar(intake: Intake, rest: string, entries: AsyncIterable<Entry>): Promise<void> {
  let taken = 0;
  try {
    for await (const entry of entries) {
      if ((await intake.take(entry)) === "bugtool")
        intake.skip(entry.name, "an archive inside a tar: unpack the outer one first");
      taken += 1;
    }
  } catch (error) {
    if (error instanceof MeshproofError || taken === 0) throw error;
    const why = error instanceof EndsEarly ? error.message : visible(messageOf(error));
    intake.skip(rest, `it is damaged or truncated after ${taken} entries (${why.slice(0, 200)})`);
  }
}

/** The files of an archive inside the folder that the Cilium CLI would have unpacked it to. */
async function* under(folder: string, entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  for await (const entry of entries)
    yield { ...entry, name: `${folder}/${entry.name.replace(/^[^/]*\//, "")}` };
}

const contentOf = (path: string, kind: "tar" | "tar.gz"): AsyncIterable<Uint8Array> =>
  kind === "tar" ? createReadStream(path) : unzipped(createReadStream(path));

/** Errors of the source and of gzip appear to the reader of the result. */
function unzipped(source: Readable): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(source, gunzip, () => {});
  return gunzip;
}

async function* folderEntries(root: string): AsyncGenerator<Entry> {
  const walk = async function* (folder: string, prefix: string, depth: number): AsyncGenerator<Entry> {
    const found = await readdir(folder, { withFileTypes: true });
    for (const item of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, item.name);
      const name = `${prefix}${item.name}`;
      if (item.isDirectory()) {
        if (depth > limits.depth) throw refusal(root, `${shown(name)} is nested too deep`);
        yield* walk(path, `${name}/`, depth + 1);
        continue;
      }
      const kind = item.isFile() ? "file" : item.isSymbolicLink() ? "link" : "special";
      const size = kind === "file" ? (await lstat(path)).size : 0;
      yield { name, kind, size, open: () => createReadStream(path) };
    }
  };
  yield* walk(root, `${basename(root)}/`, 1);
}

async function* zipEntries(path: string): AsyncGenerator<Entry> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path);
  } catch (error) {
    throw refusal(
      path,
      `not a zip archive, or a truncated one (${visible(messageOf(error)).slice(0, 200)})`,
      error,
    );
  }
  try {
    if (zip.entryCount > limits.entries)
      throw refusal(path, `${zip.entryCount} entries; the limit is ${limits.entries}`);
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith("/")) continue;
      // The upper half is the Unix mode; a link's type is 0120000.
      const type = (entry.externalFileAttributes >>> 16) & 0o170000;
      const kind = type === 0o120000 ? "link" : type === 0 || type === 0o100000 ? "file" : "special";
      yield { name: entry.fileName, kind, size: entry.uncompressedSize, open: () => zipContent(zip, entry) };
    }
  } finally {
    zip.close();
  }
}

/** yauzl checks the size; it does not check the content. */
async function* zipContent(zip: ZipFile, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  let sum = 0;
  for await (const chunk of Readable.from(await zip.openReadStreamPromise(entry))) {
    sum = crc32(chunk as Buffer, sum);
    yield chunk as Buffer;
  }
  if (sum !== entry.crc32) throw new Error("its checksum is wrong: it is damaged");
}
