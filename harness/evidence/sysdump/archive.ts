import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { unreadable } from "#harness/config/user-file.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";

/** Archives are untrusted: their size is checked before anything is read. */
const mostBytes = 1024 ** 3;
const mostEntries = 50_000;
/** Limits of what is read: one file, and all together. */
const mostFileBytes = 64 * 1024 ** 2;
const mostReadBytes = 512 * 1024 ** 2;
/** bugtool copies `/var/run/cilium/state` with its folders. */
const mostDepth = 12;

/** The expected files of a zip, by path; of all others only the name is checked. Nothing is written to disk. */
export async function readZip(
  path: string,
  expected: (name: string) => boolean,
): Promise<Map<string, string>> {
  const refuse = (why: string, cause?: unknown): MeshproofError =>
    new MeshproofError("archive-corrupt", `${basename(path)}: ${why}`, {
      remedy: "give a zip that `cilium sysdump` wrote, one for each cluster",
      ...(cause === undefined ? {} : { cause }),
    });
  const { size } = await stat(path).catch((error: unknown) => {
    throw unreadable(path, "an archive", error);
  });
  if (size > mostBytes) throw refuse(`${Math.round(size / 1024 ** 2)} MiB; the limit is 1024`);
  let zip: ZipFile;
  try {
    zip = await openPromise(path);
  } catch (error) {
    throw refuse(`not a zip archive, or a truncated one (${messageOf(error)})`, error);
  }
  try {
    if (zip.entryCount > mostEntries) throw refuse(`${zip.entryCount} entries; the limit is ${mostEntries}`);
    const files = new Map<string, string>();
    let total = 0;
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (name.endsWith("/")) continue;
      if (name.split("/").length > mostDepth) throw refuse(`${name} is nested too deep`);
      // The upper half is the Unix mode; a link's type is 0120000.
      if (((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000) throw refuse(`${name} is a link`);
      if (!expected(name)) continue;
      if (files.has(name)) throw refuse(`${name} occurs twice`);
      total += entry.uncompressedSize;
      if (entry.uncompressedSize > mostFileBytes || total > mostReadBytes)
        throw refuse(
          `${name} unpacks to ${Math.round(entry.uncompressedSize / 1024 ** 2)} MiB, which exceeds the limit`,
        );
      files.set(name, await readEntry(zip, entry));
    }
    return files;
  } catch (error) {
    if (error instanceof MeshproofError) throw error;
    // yauzl rejects absolute paths, `..`, and entries larger than their declared size.
    throw refuse(messageOf(error), error);
  } finally {
    zip.close();
  }
}

async function readEntry(zip: ZipFile, entry: Entry): Promise<string> {
  const stream = await zip.openReadStreamPromise(entry);
  const chunks: Buffer[] = [];
  for await (const chunk of Readable.from(stream)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
