import { closeSync, mkdirSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { syntaxProblem } from "#harness/lib/syntax-problem.ts";

/** Larger than any user's file or series of measurements; without a limit, reading a device would never end. */
const mostBytes = 256 * 1024 ** 2;
const chunkBytes = 1024 ** 2;

/**
 * The text of a user's file. `what` is where the user named it, such as `--values`. Throws `config-invalid` with file,
 * place and remedy if it cannot be read as text.
 */
export function readUserFile(path: string, what: string, remedy?: string): string {
  let bytes: Buffer;
  try {
    bytes = readBytes(path);
  } catch (error) {
    throw unreadable(path, what, error, remedy);
  }
  if (bytes.length > mostBytes)
    throw invalid(`${path} (${what}) is larger than ${mostBytes / 1024 ** 2} MiB`, "name a smaller file");
  const encoding = encodingOf(bytes);
  try {
    if (encoding.isCertain === false) throw new TypeError("it has no byte order mark");
    // The decoder takes the byte order mark away.
    const text = new TextDecoder(encoding.name, { fatal: true }).decode(bytes);
    if (text.includes("\0")) throw new TypeError("it contains zero bytes");
    return text;
  } catch (error) {
    const looks = encoding.name === "utf-8" ? "" : `: it looks like ${encoding.name.toUpperCase()}`;
    const mark = encoding.isCertain === false ? " without a byte order mark" : "";
    throw invalid(
      `${path} (${what}) is not a text file in UTF-8${looks}${mark}${looks === "" ? wrongByte(bytes) : ""}`,
      looks === ""
        ? "name a text file; write one of another encoding as UTF-8: iconv -f LATIN1 -t UTF-8 FILE"
        : "write it as UTF-8, in PowerShell with `| Out-File -Encoding utf8 FILE`",
      error,
    );
  }
}

/** Where the text ends to be UTF-8; Helm refuses such values too. */
function wrongByte(bytes: Buffer): string {
  // What cannot be decoded becomes U+FFFD, of three bytes.
  const text = bytes.toString("utf8");
  const at = text.indexOf("\uFFFD");
  if (at === -1 || text.includes("\0")) return "";
  const before = text.slice(0, at);
  const byte = bytes[Buffer.byteLength(before)] ?? 0;
  return `: line ${before.split("\n").length} has the byte 0x${byte.toString(16)}`;
}

interface Encoding {
  readonly name: "utf-8" | "utf-16le" | "utf-16be" | "utf-32";
  /** False if only its zero bytes tell. */
  readonly isCertain?: false;
}

/** Windows PowerShell writes UTF-16 with a byte order mark. */
function encodingOf(bytes: Buffer): Encoding {
  const starts = (...mark: number[]): boolean => mark.every((byte, i) => bytes[i] === byte);
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) return { name: "utf-32", isCertain: false };
  if (starts(0xff, 0xfe)) return { name: "utf-16le" };
  if (starts(0xfe, 0xff)) return { name: "utf-16be" };
  const head = bytes.subarray(0, 512);
  const zeros = (at: 0 | 1): number => head.filter((byte, i) => byte === 0 && i % 2 === at).length;
  const [even, odd] = [zeros(0), zeros(1)];
  // Mostly ASCII, so every second byte is zero, and hardly any other.
  const isSecond = (some: number, rest: number): boolean => some > head.length / 4 && rest < some / 8;
  if (isSecond(odd, even)) return { name: "utf-16le", isCertain: false };
  return isSecond(even, odd) ? { name: "utf-16be", isCertain: false } : { name: "utf-8" };
}

/** The value of a user's JSON file; throws `config-invalid` if it is not JSON. */
export function readUserJson(path: string, what: string, remedy: string): unknown {
  const text = readUserFile(path, what, remedy);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`${path} (${what}) is not JSON: ${syntaxProblem(error)}`, remedy);
  }
}

/** Throws `config-invalid` if `path`, named at `what`, cannot be written. Creates its parent folders. */
export function checkWritable(path: string, what: string): void {
  const probe = `${path}.${process.pid}.part`;
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(probe, "w"));
    rmSync(probe);
  } catch (error) {
    throw invalid(
      `cannot write ${path} (${what}): ${reasonOf(error)}`,
      "name a file in a folder that this user may write",
      error,
    );
  }
}

/** The error for a user's path that cannot be opened or read. */
export function unreadable(path: string, what: string, error: unknown, remedy?: string): MeshproofError {
  return invalid(`cannot read ${path} (${what}): ${reasonOf(error)}`, remedy ?? remedyOf(error), error);
}

/**
 * Reads a user's file with the given parser. Errors that are not typed become `config-invalid`: the file's content is
 * not what the parser expects.
 */
export async function readingUserFile<T>(
  path: string,
  what: string,
  remedy: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof MeshproofError) throw error;
    if (codeOf(error) in reasons) throw unreadable(path, what, error);
    throw invalid(`${path} (${what}) has unexpected content: ${messageOf(error)}`, remedy);
  }
}

/** Reads at most one byte more than allowed, so that the caller can detect a file that is too large. */
function readBytes(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total <= mostBytes; ) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const length = readSync(file, chunk);
      if (length === 0) break;
      chunks.push(chunk.subarray(0, length));
      total += length;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(file);
  }
}

const reasons: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ENOENT: ["no such file", "check the path"],
  ENOTDIR: ["a part of the path is not a directory", "check the path"],
  EISDIR: ["it is a directory", "name a file"],
  EACCES: ["permission denied", "give this user permission to read it"],
  EPERM: ["permission denied", "give this user permission to read it"],
  ELOOP: ["its symbolic links form a cycle", "check the path"],
};

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";
const reasonOf = (error: unknown): string => reasons[codeOf(error)]?.[0] ?? messageOf(error);
const remedyOf = (error: unknown): string => reasons[codeOf(error)]?.[1] ?? "check the file";

function invalid(message: string, remedy: string, cause?: unknown): MeshproofError {
  // A system error is not added as a cause, because the message already contains its reason.
  const known = codeOf(cause) in reasons || cause instanceof TypeError || cause instanceof SyntaxError;
  return new MeshproofError("config-invalid", message, {
    remedy,
    ...(cause === undefined || known ? {} : { cause }),
  });
}
