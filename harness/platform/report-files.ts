import { appendFileSync, createWriteStream, type WriteStream } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { finished } from "node:stream/promises";
import { writeAtomic } from "./paths.ts";
import { redactBytes, redactText, redactYaml } from "./scan-secrets.ts";
import { redactSecrets } from "./secrets/index.ts";

/**
 * The only writer of report files. It scans everything for secrets and replaces each with `[redacted: KIND]`. A test
 * ensures that no other file writes into a report (report-files.test.ts).
 */
export async function writeReportFile(path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomic(path, await redacted(path, content));
}

function redacted(path: string, content: string | Uint8Array): Promise<string | Uint8Array> {
  if (typeof content !== "string") return redactBytes(content);
  return /\.ya?ml$/.test(path) ? redactYaml(content) : redactText(content);
}

/** Appends complete lines to a report file. */
export async function appendToReport(path: string, lines: string): Promise<void> {
  const clean = await redactText(lines);
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, clean);
}

/**
 * The same synchronously, for a record that must survive a kill of the process. It does not run secretlint, which is
 * asynchronous: use it only for lines of numbers, addresses and names that Meshproof chose.
 */
export function appendToReportNow(path: string, lines: string): void {
  appendFileSync(path, redactSecrets(lines));
}

/** A long string that may be a token; a history repeats the names of its backends in every line. */
const longWord = /[A-Za-z0-9+/_=.~-]{16,}/g;
const telling = /key|secret|token|passw|pwd|auth|bearer|cookie|:\/\//i;
const mostRemembered = 10_000;

/**
 * A file that is written line by line. Lines whose long words were all scanned before without a finding are written
 * without another scan. Disk errors are thrown by `end`.
 */
export class ReportStream {
  readonly #out: WriteStream;
  readonly #scan: Transform;
  readonly #clean = new Set<string>();

  static async create(path: string): Promise<ReportStream> {
    await mkdir(dirname(path), { recursive: true });
    return new ReportStream(path);
  }

  private constructor(path: string) {
    this.#out = createWriteStream(path);
    // Reported by `end`: a full disk must not end the process.
    this.#out.on("error", () => this.#scan.destroy());
    this.#scan = new Transform({
      decodeStrings: false,
      transform: (lines: string, _, done) => {
        const unknown = this.#unknownWords(lines);
        if (unknown === undefined) done(null, lines);
        else this.#redact(lines, unknown).then((text) => done(null, text), done);
      },
    });
    this.#scan.on("error", (error) => this.#out.destroy(error));
    this.#scan.pipe(this.#out);
  }

  /** Complete lines, each with its line end. */
  write(lines: string): void {
    this.#scan.write(lines);
  }

  async end(): Promise<void> {
    this.#scan.end();
    await finished(this.#out);
  }

  /** Long words without an earlier clean scan; undefined if the lines need no scan. */
  #unknownWords(lines: string): string[] | undefined {
    const words = (lines.match(longWord) ?? []).filter((w) => !this.#clean.has(w));
    return words.length === 0 && !telling.test(lines) ? undefined : words;
  }

  async #redact(lines: string, words: readonly string[]): Promise<string> {
    const text = await redactText(lines);
    if (text === lines && this.#clean.size < mostRemembered) for (const w of words) this.#clean.add(w);
    return text;
  }
}
