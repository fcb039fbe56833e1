import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { RunContext } from "#harness/model/run-context.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Where commands leave the folders of their runs: below `reports/`, or where `MESHPROOF_REPORTS` points. */
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

/** Beside a suite's evidence: what `diagnose` said of it. */
export const diagnosisFile = "diagnosis.json";
