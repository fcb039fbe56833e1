import { mib, type UnpackBudget } from "./intake.ts";

/** An entry of a tar file. Its content is read from the same stream, so entries are read in order. */
export interface TarEntry {
  readonly name: string;
  readonly kind: "file" | "link" | "special";
  readonly size: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** The stream ends inside an entry; what came before it was complete. */
export class EndsEarly extends Error {
  override readonly name = "EndsEarly";
}

const block = 512;

/**
 * Entries of a tar file. Unlike tar-stream this bounds what is buffered: an extended header of a hostile archive may
 * declare any size.
 */
export async function* tarEntries(
  source: AsyncIterable<Uint8Array>,
  budget: UnpackBudget,
): AsyncGenerator<TarEntry> {
  const bytes = new Bytes(source, budget);
  try {
    let longName: string | undefined;
    for (let first = true; ; first = false) {
      const header = await bytes.block(first);
      if (header === undefined || header.every((b) => b === 0)) return;
      const { name, type, size } = readHeader(header);
      if ("Lxg".includes(type)) {
        if (size > 64 * 1024) throw new Error(`a header of ${mib(size)} for one name`);
        const text = (await collect(bytes.start(size))).toString("utf8");
        if (type === "L") longName = text.replace(/\0[\s\S]*$/, "");
        else if (type === "x") longName = paxPath(text) ?? longName;
      } else if (type === "5") bytes.start(size);
      else {
        const kind =
          type === "0" || type === "7" ? "file" : type === "1" || type === "2" ? "link" : "special";
        const body = bytes.start(size);
        yield { name: withoutDot(longName ?? name), kind, size, open: () => body };
        longName = undefined;
      }
      // The caller may have read none or a part of it.
      await bytes.drain();
      bytes.start((block - (size % block)) % block);
      await bytes.drain();
    }
  } finally {
    await bytes.close();
  }
}

/** `tar -C FOLDER .` writes `./name`. */
const withoutDot = (name: string): string => name.replace(/^(?:\.\/)+/, "");

const readText = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("utf8")
    .replace(/\0[\s\S]*$/, "");

function readHeader(header: Uint8Array): { name: string; type: string; size: number } {
  const stored = Number.parseInt(readText(header.subarray(148, 156)).trim(), 8);
  const sum = header.reduce((total, b, i) => total + (i >= 148 && i < 156 ? 32 : b), 0);
  if (stored !== sum) throw new Error("not a tar file, or a damaged one: the checksum of a header is wrong");
  const isUstar = readText(header.subarray(257, 262)) === "ustar" && header[262] === 0;
  const prefix = isUstar ? readText(header.subarray(345, 500)) : "";
  const name = readText(header.subarray(0, 100));
  const type = String.fromCharCode(header[156] || 48);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    // Old programs mark folders by the name only.
    type: type === "0" && name.endsWith("/") ? "5" : type,
    size: readSize(header.subarray(124, 136)),
  };
}

/** Octal, or base 256 for 8 GiB and more. */
function readSize(field: Uint8Array): number {
  const size =
    (field[0] ?? 0) >= 0x80
      ? field.subarray(1).reduce((n, b) => n * 256 + b, (field[0] ?? 0) & 0x7f)
      : Number.parseInt(readText(field).trim() || "0", 8);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error("a damaged tar file: a size is not a number");
  return size;
}

/** Records `LENGTH KEY=VALUE\n`. */
function paxPath(text: string): string | undefined {
  for (let at = 0; at < text.length; ) {
    const length = Number.parseInt(text.slice(at, at + 10), 10);
    if (!(length > 0)) return undefined;
    // Lengths are in bytes; names outside ASCII are not Cilium's, and only need to be recognizable.
    const [, key, value] = /^\d+ ([^=]*)=([\s\S]*)\n?$/.exec(text.slice(at, at + length)) ?? [];
    if (key === "path") return value?.replace(/\n$/, "");
    at += length;
  }
  return undefined;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads a stream in pieces, and counts what it unpacks to. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #budget: UnpackBudget;
  #rest: Uint8Array = new Uint8Array();
  #left = 0;

  constructor(source: AsyncIterable<Uint8Array>, budget: UnpackBudget) {
    this.#budget = budget;
    this.#source = source[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** A header; undefined at the end of a file that has no end mark. */
  async block(isFirst: boolean): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = [];
    let missing = block;
    while (missing > 0) {
      if (!(await this.#fill())) {
        if (missing === block && !isFirst) return undefined;
        throw new EndsEarly("it ends inside a header");
      }
      const chunk = this.#next(missing);
      chunks.push(chunk);
      missing -= chunk.length;
    }
    return Buffer.concat(chunks);
  }

  /** The next bytes, as the caller requests them; `drain` skips those that it does not. */
  start(size: number): AsyncIterable<Uint8Array> {
    this.#left = size;
    return this.#body();
  }

  async drain(): Promise<void> {
    for await (const _ of this.#body());
  }

  async *#body(): AsyncGenerator<Uint8Array> {
    while (this.#left > 0) {
      if (!(await this.#fill())) throw new EndsEarly("it ends inside a file");
      const chunk = this.#next(this.#left);
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  #next(most: number): Uint8Array {
    const chunk = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(chunk.length);
    return chunk;
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) return false;
      this.#rest = value;
      this.#budget.take(value.length);
    }
    return true;
  }
}
