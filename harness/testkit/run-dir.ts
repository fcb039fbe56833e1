import { join } from "node:path";
import type { RunContext } from "#harness/model/run-context.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Where commands leave the folders of their runs: below `reports/`, or where `MESHPROOF_REPORTS` points. */
export const reportsDir = (): string => process.env.MESHPROOF_REPORTS ?? join(repoRoot(), "reports");

export const runDirOf = ({ reportsDir, runId }: Pick<RunContext, "reportsDir" | "runId">): string =>
  join(reportsDir, runId);

/** Beside a suite's evidence: what `diagnose` said of it. */
export const diagnosisFile = "diagnosis.json";
