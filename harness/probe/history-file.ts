import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { finished } from "node:stream/promises";
import type { History, HistoryFoot, HistoryHead } from "#harness/model/history.ts";
import { footLine, HistoryReader, headLine } from "#harness/model/history-lines.ts";

/** A history on its way to disk: what a prober tells is written at once and not kept. */
export class HistoryFile {
  readonly path: string;
  readonly #stream: WriteStream;

  private constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path);
    // Told at the close: a full disk must not end the process.
    this.#stream.on("error", () => {});
  }

  static async create(path: string, head: HistoryHead): Promise<HistoryFile> {
    await mkdir(dirname(path), { recursive: true });
    const file = new HistoryFile(path);
    file.#stream.write(`${headLine(head)}\n`);
    return file;
  }

  /** Whole lines of samples, each with its end. */
  write(lines: string): void {
    this.#stream.write(lines);
  }

  async close(foot?: HistoryFoot): Promise<void> {
    this.#stream.end(foot === undefined ? undefined : `${footLine(foot)}\n`);
    await finished(this.#stream);
  }
}

/** Throws `evidence-malformed` for a file that was cut off or is none. */
export async function readHistory(path: string): Promise<History> {
  const reader = new HistoryReader(basename(path));
  await using file = await open(path);
  for await (const line of file.readLines()) reader.line(line);
  return reader.history();
}

/** One row a request; times are milliseconds of the prober's clock, whose zero the last column but one repeats. */
export async function writeCsv(path: string, history: History): Promise<void> {
  const out = createWriteStream(path);
  out.write("seq,due_ms,sent_ms,end_ms,outcome,served_by,cluster,started_at_unix_ms,detail\n");
  for (const s of history.samples) {
    const row = [
      s.seq,
      s.dueMs,
      s.sentMs,
      s.endMs,
      s.outcome,
      s.servedBy ?? "",
      s.cluster ?? "",
      history.startedAtUnixMs,
    ];
    out.write(`${row.join(",")},"${(s.detail ?? "").replaceAll('"', '""')}"\n`);
  }
  out.end();
  await finished(out);
}
