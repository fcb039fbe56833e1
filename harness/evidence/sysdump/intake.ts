import { basename } from "node:path";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { visible } from "#harness/lib/visible.ts";

/** Archives are untrusted. A part that exceeds a limit is skipped and named; nothing is written to disk. */
export const limits = {
  /** The archive itself; 200 nodes with profiles have about 1 GiB. */
  archiveBytes: 4 * 1024 ** 3,
  /** 200 nodes with 100 pods each: bugtool copies four files for each endpoint. */
  entries: 500_000,
  /** bugtool copies `/var/run/cilium/state` with its folders. */
  depth: 12,
  nameBytes: 1024,
  fileBytes: 64 * 1024 ** 2,
  /** Logs are filtered while they are read, so this limits time, not memory. */
  logBytes: 256 * 1024 ** 2,
  /** Of a log, the lines of each kind that are kept. */
  keptLogBytes: 1024 ** 2,
  /** What is kept of all files together. */
  readBytes: 512 * 1024 ** 2,
  /** All that is unpacked, also what is not kept: a tar file can only be read from its beginning. */
  unpackedBytes: 8 * 1024 ** 3,
  /** Skipped parts that are listed by name. */
  skipped: 1000,
} as const;

/** One entry of an archive or a folder. */
export interface Entry {
  readonly name: string;
  readonly kind: "file" | "link" | "special";
  /** As declared; the content may be larger. */
  readonly size: number;
  /** May be called once, before the next entry is requested. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** A part of an archive that was not read. */
export interface Skipped {
  readonly name: string;
  readonly why: string;
}

/**
 * What to do with a file: keep its text, keep some lines of it, read it as a bugtool archive inside the sysdump, or
 * check only its name.
 */
export type Use =
  | { readonly as: "text" | "bugtool" }
  | { readonly as: "log"; readonly lines: readonly KindOfLine[] };
type KindOfLine = (line: string) => boolean;
export type Expected = (name: string) => Use | undefined;

/** A name from an archive, for a message. */
export const shown = (name: string): string =>
  visible(name.length > 160 ? `${name.slice(0, 80)}...${name.slice(-70)}` : name).replaceAll("\n", "\\n");

export const mib = (bytes: number): string => {
  const size = bytes / 1024 ** 2;
  return `${size < 10 ? Number(size.toFixed(1)) : Math.round(size)} MiB`;
};

/** The error for an archive that is not read at all. */
export const refusal = (path: string, why: string, cause?: unknown): MeshproofError =>
  new MeshproofError("archive-corrupt", `${shown(basename(path))}: ${why}`, {
    remedy:
      "give what `cilium sysdump` or `cilium-bugtool` wrote: a zip, a tar, a tar.gz or the unpacked folder",
    ...(cause === undefined ? {} : { cause }),
  });

/** Limits the time that an archive takes, over all archives inside it. */
export class UnpackBudget {
  #left: number = limits.unpackedBytes;

  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new Error(`all before it unpacks to the limit of ${mib(limits.unpackedBytes)}`);
  }
}

/** Links that bugtool may copy with an agent's state; they are never followed. */
const stateFolder = /(^|\/)cmd\/[^/]*state\//;

/** Takes the entries of one archive: checks each, and keeps the expected ones within the limits. */
export class Intake {
  readonly files = new Map<string, string>();
  readonly skipped: Skipped[] = [];
  /** Archives that are no part of a sysdump. */
  readonly inner: string[] = [];
  readonly budget = new UnpackBudget();
  readonly #path: string;
  readonly #expected: Expected;
  #entries = 0;
  #kept = 0;

  constructor(path: string, expected: Expected) {
    this.#path = path;
    this.#expected = expected;
  }

  /** Returns the use of an entry that `take` does not read itself: a bugtool archive. */
  async take(entry: Entry): Promise<"bugtool" | undefined> {
    this.#check(entry);
    if (entry.kind !== "file") return undefined;
    const { name } = entry;
    const use = this.#expected(name);
    if (use === undefined) {
      if (/\.(zip|tar|tgz|tar\.gz)$/i.test(name) && this.inner.length < limits.skipped) this.inner.push(name);
      return undefined;
    }
    if (this.files.has(name)) throw refusal(this.#path, `${shown(name)} occurs twice`);
    if (use.as === "bugtool") return "bugtool";
    const most = use.as === "log" ? limits.logBytes : limits.fileBytes;
    if (entry.size > most) this.skip(name, `it has ${mib(entry.size)}; the limit is ${mib(most)}`);
    else if (this.#kept + (use.as === "log" ? 0 : entry.size) > limits.readBytes)
      this.skip(name, `the files before it have ${mib(this.#kept)}; the limit is ${mib(limits.readBytes)}`);
    else await this.#read(entry, use, most);
    return undefined;
  }

  skip(name: string, why: string): void {
    if (this.skipped.length < limits.skipped) this.skipped.push({ name, why });
  }

  #check({ name, kind }: Entry): void {
    this.#entries += 1;
    if (this.#entries > limits.entries) throw refusal(this.#path, `more than ${limits.entries} entries`);
    if (name.length > limits.nameBytes) throw refusal(this.#path, `the name ${shown(name)} is too long`);
    const folders = name.split("/");
    if (folders.length > limits.depth) throw refusal(this.#path, `${shown(name)} is nested too deep`);
    if (name.startsWith("/") || /[\\\0]|^[a-zA-Z]:/.test(name) || folders.includes(".."))
      throw refusal(this.#path, `${shown(name)} is outside the archive`);
    if (kind === "link" && !stateFolder.test(name))
      throw refusal(this.#path, `${shown(name)} is a link; links are not followed`);
    if (kind === "special") throw refusal(this.#path, `${shown(name)} is a device or a pipe`);
  }

  async *#counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.budget.take(chunk.length);
      yield chunk;
    }
  }

  async #read({ name, open }: Entry, use: Exclude<Use, { as: "bugtool" }>, most: number): Promise<void> {
    try {
      const content = this.#counted(open());
      const text = use.as === "log" ? await linesOf(content, use.lines, most) : await textOf(content, most);
      this.#kept += text.length;
      this.files.set(name, text);
    } catch (error) {
      if (error instanceof MeshproofError) throw error;
      this.skip(name, visible(messageOf(error)).slice(0, 200));
    }
  }
}

/** The declared size may be false, so the limit applies to what is read. */
async function textOf(source: AsyncIterable<Uint8Array>, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > most) throw new Error(`it has more than the limit of ${mib(most)}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The last lines of one kind: many of one do not push out those of another. */
class LastLines {
  #kept: string[] = [];
  #size = 0;

  get lines(): readonly string[] {
    return this.#kept;
  }

  add(line: string): void {
    this.#kept.push(line);
    this.#size += line.length + 1;
    if (this.#size <= 2 * limits.keptLogBytes) return;
    // Dropped in one go, because removing one line at a time would move all others each time.
    while (this.#size > limits.keptLogBytes && this.#kept.length > 1) {
      const half = this.#kept.slice(0, Math.ceil(this.#kept.length / 2));
      this.#kept = this.#kept.slice(half.length);
      this.#size -= half.reduce((sum, line) => sum + line.length + 1, 0);
    }
  }
}

/** The last of the lines of each kind, one kind after the other. A line longer than Cilium's is dropped while it is read. */
async function linesOf(
  source: AsyncIterable<Uint8Array>,
  kinds: readonly KindOfLine[],
  most: number,
): Promise<string> {
  const longest = 16 * 1024;
  const decoder = new TextDecoder();
  const kept = kinds.map((isOf) => ({ isOf, last: new LastLines() }));
  let size = 0;
  let rest = "";
  let overlong = false;
  const take = (line: string): void => {
    if (!overlong && line.length <= longest) kept.find(({ isOf }) => isOf(line))?.last.add(line);
    overlong = false;
  };
  for await (const chunk of source) {
    size += chunk.length;
    if (size > most) throw new Error(`it has more than the limit of ${mib(most)}`);
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    lines[0] = rest + (lines[0] ?? "");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    if (rest.length > longest) {
      overlong = true;
      rest = "";
    }
  }
  if (rest !== "") take(rest);
  return kept.flatMap(({ last }) => last.lines).join("\n");
}
