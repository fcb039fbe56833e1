import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { readUserFile } from "#harness/config/user-file.ts";
import { certify as judge } from "#harness/judge/certification.ts";
import { mixtureOf, nameOf } from "#harness/judge/cycles.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { parseRecord } from "#harness/lib/records.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import { type CycleRecord, cycleRecordFormat } from "#harness/model/certification-cycle.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";

const file = "cycle.json";
const folder = "cycles";

/** The folder of one cycle of a run. */
export const cycleDir = (runDir: string, cycle: number): string => join(runDir, folder, String(cycle));

export async function writeCycle(dir: string, record: CycleRecord): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeReportFile(join(dir, file), `${JSON.stringify(record)}\n`);
}

function readCycle(dir: string): CycleRecord {
  const path = join(dir, file);
  return parseRecord(readUserFile(path, "a cycle"), cycleRecordFormat, {
    what: `the cycle ${path}`,
    remedy: "name folders that `certify` wrote, such as reports/RUN/cycles/1",
  });
}

/** The finished cycles of a run, in their order. */
export const cyclesOfRun = (runDir: string): CycleRecord[] => dirsOfRun(runDir).map(readCycle);

function dirsOfRun(runDir: string): string[] {
  const parent = join(runDir, folder);
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .filter((n) => existsSync(join(parent, n, file)))
    .sort((a, b) => Number(a) - Number(b))
    .map((n) => join(parent, n));
}

export interface ReadCycles {
  readonly cycles: readonly CycleRecord[];
  readonly leftOut: Certificate["leftOut"];
}

/**
 * The cycles in some folders: of a cycle, or of a run with all its cycles. Throws `usage` if a cycle of the same run is
 * left out although its result is known, and `config-conflict` if they cannot be one certificate.
 */
export function readCycles(named: readonly string[]): ReadCycles {
  const dirs = named.flatMap((dir) => (existsSync(join(dir, file)) ? [resolve(dir)] : wholeRun(dir)));
  const cycles = [...new Set(dirs)].map(readCycle);
  const mixture = mixtureOf(cycles);
  if (mixture.length > 0)
    throw new MeshproofError(
      "config-conflict",
      `these cycles cannot be one certificate: ${mixture.join("; ")}`,
      {
        remedy: "name cycles of one pair, setting and state of the sources, each from a lab of its own",
      },
    );
  const others = [...new Set(dirs.filter(isInRun).map((dir) => dirname(dirname(dir))))]
    .flatMap(dirsOfRun)
    .filter((dir) => !dirs.includes(dir))
    .map(readCycle);
  return { cycles, leftOut: others.map(leftOutOf) };
}

function wholeRun(dir: string): string[] {
  const dirs = dirsOfRun(resolve(dir));
  if (dirs.length > 0) return dirs;
  throw new MeshproofError("usage", `${dir} holds no ${file} and no folder ${folder} with cycles`, {
    remedy: "name folders that `certify` wrote, such as reports/RUN or reports/RUN/cycles/1",
  });
}

const isInRun = (dir: string): boolean => basename(dirname(dir)) === folder;

/** Whoever picks cycles could leave out those that lost something. */
function leftOutOf(record: CycleRecord): Certificate["leftOut"][number] {
  const { verdict, reasons } = judge([record], record.budgets, []);
  if (verdict !== "unknown")
    throw new MeshproofError("usage", `${nameOf(record)} is ${verdict} and must not be left out`, {
      remedy: "name the folder of the whole run, or all its cycles except those that are unknown",
    });
  return { runId: record.runId, of: record.cycle, why: [...reasons] };
}
