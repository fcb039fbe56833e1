import { join } from "node:path";
import type { RunContext } from "#harness/model/run-context.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** Where runs leave their folders, unless a command says otherwise. */
export const reportsDir = (): string => join(repoRoot(), "reports");

export const runDirOf = ({ reportsDir, runId }: Pick<RunContext, "reportsDir" | "runId">): string =>
  join(reportsDir, runId);

/** Beside a suite's evidence: what `diagnose` said of it. */
export const diagnosisFile = "diagnosis.json";
