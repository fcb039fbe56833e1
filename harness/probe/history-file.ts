import { open } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { stringify } from "csv-stringify";
import type { History, HistoryFoot, HistoryHead } from "#harness/model/history.ts";
import { footLine, HistoryReader, headLine } from "#harness/model/history-lines.ts";
import { ReportStream } from "#harness/platform/report-files.ts";

/** Writes a history to disk as the prober reports it, without keeping it in memory. */
export class HistoryFile {
  readonly path: string;
  readonly #stream: ReportStream;

  private constructor(path: string, stream: ReportStream) {
    this.path = path;
    this.#stream = stream;
  }

  static async create(path: string, head: HistoryHead): Promise<HistoryFile> {
    const file = new HistoryFile(path, await ReportStream.create(path));
    file.#stream.write(`${headLine(head)}\n`);
    return file;
  }

  /** Complete lines of samples, each with its line end. */
  write(lines: string): void {
    this.#stream.write(lines);
  }

  async close(foot?: HistoryFoot): Promise<void> {
    if (foot !== undefined) this.#stream.write(`${footLine(foot)}\n`);
    await this.#stream.end();
  }
}

/** Throws `evidence-malformed` for an incomplete file or another one. */
export async function readHistory(path: string): Promise<History> {
  const reader = new HistoryReader(basename(path));
  await using file = await open(path);
  for await (const line of file.readLines()) reader.line(line);
  return reader.history();
}

/** The complete part of the history of a killed or running prober; undefined if there is no such file. */
export async function readHistorySoFar(path: string): Promise<ReturnType<HistoryReader["soFar"]>> {
  const reader = new HistoryReader(basename(path));
  try {
    await using file = await open(path);
    for await (const line of file.readLines()) reader.line(line);
  } catch {
    // No such file, or an incomplete last line: the lines read before it count.
  }
  return reader.soFar();
}

const csvColumns = [
  "seq",
  "due_ms",
  "sent_ms",
  "end_ms",
  "outcome",
  "served_by",
  "cluster",
  "started_at_unix_ms",
  "detail",
];

/** One row per request, in milliseconds of the prober's clock; the last column but one repeats the clock's zero. */
export async function writeCsv(path: string, history: History): Promise<void> {
  const rows = stringify({ header: true, columns: csvColumns });
  const out = await ReportStream.create(path);
  for await (const chunk of Readable.from(rowsOf(history)).pipe(rows)) out.write(String(chunk));
  await out.end();
}

function* rowsOf({ samples, startedAtUnixMs: zero }: History): Generator<(string | number | undefined)[]> {
  for (const s of samples)
    yield [s.seq, s.dueMs, s.sentMs, s.endMs, s.outcome, s.servedBy, s.cluster, zero, s.detail];
}
