import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { RunContext } from "#harness/model/run-context.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** The folder of all run folders: `reports/`, or the value of `MESHPROOF_REPORTS`. */
export const reportsDir = (): string => process.env.MESHPROOF_REPORTS ?? join(repoRoot(), "reports");

/**
 * The folder of a run that a command line names: by its id or another name below `reports/`, such as `latest`, or by a path:
 * an absolute one, one that begins with `.`, or one with a slash that there is not below `reports/`.
 */
export function runFolder(named: string): string {
  if (isAbsolute(named) || /^\.{1,2}(?:\/|$)/.test(named)) return resolve(named);
  const below = join(reportsDir(), named);
  return named.includes("/") && !existsSync(below) ? resolve(named) : below;
}

export const runDirOf = ({ reportsDir, runId }: Pick<RunContext, "reportsDir" | "runId">): string =>
  join(reportsDir, runId);

/** The findings of `diagnose`, next to a suite's evidence. */
export const diagnosisFile = "diagnosis.json";
