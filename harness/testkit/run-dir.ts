import { join } from "node:path";
import type { RunContext } from "#harness/model/run-context.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** The folder of all run folders: `reports/`, or the value of `MESHPROOF_REPORTS`. */
export const reportsDir = (): string => process.env.MESHPROOF_REPORTS ?? join(repoRoot(), "reports");

export const runDirOf = ({ reportsDir, runId }: Pick<RunContext, "reportsDir" | "runId">): string =>
  join(reportsDir, runId);

/** The findings of `diagnose`, next to a suite's evidence. */
export const diagnosisFile = "diagnosis.json";
