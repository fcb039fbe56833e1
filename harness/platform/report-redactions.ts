import { createReadStream } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Redaction } from "#harness/model/record.ts";
import { formatOf, mapBytes } from "./scan-secrets.ts";
import { markerPattern } from "./secrets/span.ts";

/** The redactions in the files of a report, found by their markers; `except` lists paths in the report to skip. */
export async function redactionsIn(dir: string, except: readonly string[] = []): Promise<Redaction[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((e) => e.isFile())
    .map((e) => relative(dir, join(e.parentPath, e.name)))
    .filter((f) => !except.includes(f));
  const found: Redaction[] = [];
  for (const file of files.sort()) found.push(...(await redactionsOf(file, join(dir, file))));
  return found;
}

/** The redactions in one text of `file`. */
export function redactionsOfText(file: string, text: string): Redaction[] {
  return counted(
    file,
    [...text.matchAll(markerPattern)].map((m) => m[1] ?? ""),
  );
}

/** One line for each file and kind, without values. */
export const redactionLines = (redactions: readonly Redaction[]): string[] =>
  redactions.map(
    ({ file, kind, count }) => `redacted in ${file}: ${kind}${count === 1 ? "" : ` (${count} times)`}`,
  );

async function redactionsOf(file: string, path: string): Promise<Redaction[]> {
  const kinds: string[] = [];
  const count = (text: string): void => {
    for (const m of text.matchAll(markerPattern)) kinds.push(m[1] ?? "");
  };
  if (await isArchive(path))
    await mapBytes(await readFile(path), async (text) => {
      count(text);
      return text;
    });
  else {
    // A marker may span two pieces, so the end of a piece from an opening bracket on is added to the next piece.
    let rest = "";
    for await (const piece of createReadStream(path, { encoding: "latin1", highWaterMark: 1024 ** 2 })) {
      const text = rest + String(piece);
      const cut = text.lastIndexOf("[");
      rest = cut >= text.length - longestMarker ? text.slice(cut) : "";
      count(text.slice(0, text.length - rest.length));
    }
    count(rest);
  }
  return counted(file, kinds);
}

const longestMarker = 80;

async function isArchive(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return formatOf(buffer) !== undefined;
}

const counted = (file: string, kinds: readonly string[]): Redaction[] =>
  [...Map.groupBy(kinds, (k) => k)].map(([kind, all]) => ({ file, kind, count: all.length }));
