import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describeFindings, diagnosisExitCode } from "#harness/cli/diagnose.ts";
import { type ExampleEntry, tarOf, zipOf } from "#harness/evidence/sysdump/examples.ts";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { unseen } from "#harness/lib/visible-examples.ts";
import { Output } from "#harness/platform/output.ts";
import { anyCase, type Case, type Expectation, entriesOfCase, expectationOf } from "./cases.ts";

/** A case takes milliseconds; one that is larger than allowed must not take much longer. */
const caseCpuMs = 30_000;
const mostBytes = 1.5 * 1024 ** 3;

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  readonly progress?: (done: number) => void;
}

export interface Outcome {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** Reads generated archives; throws with seed, path and case if one is not handled as it must be. */
export async function fuzz({ runs, seed, progress }: FuzzOptions): Promise<ReadonlyMap<number, number>> {
  const folder = mkdtempSync(join(tmpdir(), "meshproof-fuzz-"));
  const exitCodes = new Map<number, number>();
  let done = 0;
  try {
    await fc.assert(
      fc.asyncProperty(anyCase, async (one) => {
        const path = write(folder, one);
        const { exitCode } = await checked(path, expectationOf(one));
        rmSync(path, { recursive: true, force: true });
        exitCodes.set(exitCode, (exitCodes.get(exitCode) ?? 0) + 1);
        done += 1;
        progress?.(done);
      }),
      { numRuns: runs, seed },
    );
    return exitCodes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `diagnose` does with a file, within its limits of time and memory; throws if it is not what is expected. */
export async function checked(
  path: string,
  expectation: Expectation,
  mostCpuMs = caseCpuMs,
): Promise<Outcome> {
  const before = process.cpuUsage();
  const outcome = await outcomeOf(path);
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  if (cpuMs > mostCpuMs) throw new Error(`it took ${Math.round(cpuMs)} ms of a core`);
  const { rss } = process.memoryUsage();
  if (rss > mostBytes) throw new Error(`the process has ${Math.round(rss / 1024 ** 2)} MiB`);
  if (expectation === "refused" && outcome.exitCode !== 2)
    throw new Error(`exit code ${outcome.exitCode} instead of 2: ${outcome.lines.join("\n")}`);
  if (expectation === "reported" && ![2, 3].includes(outcome.exitCode))
    throw new Error(`exit code ${outcome.exitCode} instead of 2 or 3: ${outcome.lines.join("\n")}`);
  checkOutput(outcome.lines);
  return outcome;
}

async function outcomeOf(path: string): Promise<Outcome> {
  try {
    const findings = await diagnoseFiles([path]);
    return { exitCode: diagnosisExitCode(findings), lines: describeFindings(findings) };
  } catch (error) {
    if (!(error instanceof MeshproofError)) throw error;
    if (error.exitCode !== 2 && error.exitCode !== 3) throw error;
    if (error.remedy === undefined) throw new Error("the error has no remedy", { cause: error });
    if (!/archive|folder/.test(error.message)) throw new Error("the error names no file", { cause: error });
    return { exitCode: error.exitCode, lines: describeError(error).split("\n") };
  }
}

/** As it reaches a terminal: nothing that a terminal obeys, and no more lines than the program prints. */
function checkOutput(lines: readonly string[]): void {
  const pieces: string[] = [];
  const output = new Output({
    isTTY: false,
    write: (text: string | Uint8Array) => pieces.push(String(text)) > 0,
  });
  for (const line of lines) output.print(`${line}\n`);
  const printed = pieces.join("");
  if (unseen.test(printed)) throw new Error(`a character is not escaped in ${JSON.stringify(printed)}`);
  if (printed.split("\n").length - 1 > lines.length)
    throw new Error(`a name adds a line to ${JSON.stringify(printed)}`);
}

/** Every path has `archive` in its last part, by which `outcomeOf` recognizes it in a message. */
function write(folder: string, one: Case): string {
  const entries = entriesOfCase(one);
  const path = join(folder, one.container === "folder" ? "folder" : `archive.${one.container}`);
  rmSync(path, { recursive: true, force: true });
  if (one.container === "folder") writeFolder(path, entries);
  else {
    const packed = one.container === "zip" ? zipOf(entries) : tarOf(entries);
    writeFileSync(path, damaged(one.container === "tar.gz" ? gzipSync(packed, { level: 1 }) : packed, one));
  }
  return path;
}

function damaged(bytes: Buffer, { damage: { kind, at } }: Case): Buffer {
  const place = Math.floor(at * Math.max(0, bytes.length - 1));
  if (kind === "truncated") return bytes.subarray(0, place);
  if (kind === "flipped") bytes[place] = (bytes[place] ?? 0) ^ 0x55;
  return bytes;
}

/** A file system refuses most hostile names; those that it accepts are written. */
function writeFolder(path: string, entries: readonly ExampleEntry[]): void {
  mkdirSync(path, { recursive: true });
  for (const { name, content, type } of entries) {
    const file = normalize(join(path, name));
    if (type !== undefined || name.includes("\0") || !file.startsWith(`${path}/`)) continue;
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    } catch {
      // Too long, or a folder of this name exists.
    }
  }
}
