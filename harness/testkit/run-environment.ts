import { join } from "node:path";
import type { Expectation } from "#harness/judge/kill-matrix.ts";
import { repoRoot } from "#harness/platform/paths.ts";

/** What a run tells the vitest workers, through the environment: the same whether vitest was started by `test` or by hand. */
export const labOfRun = (): string => process.env.MESHPROOF_TEST_LAB ?? "default";

/** A run started by hand through vitest gets its id in global-setup. */
export const runIdOfRun = (): string => process.env.MESHPROOF_RUN_ID ?? "by-hand";

export const reportsDir = (): string => process.env.MESHPROOF_REPORTS ?? join(repoRoot(), "reports");
export const runDirOfRun = (): string => join(reportsDir(), runIdOfRun());

/** Beside a suite's evidence: what `diagnose` said of it. */
export const diagnosisFile = "diagnosis.json";

/** Whether evidence includes cilium-bugtool's files. */
export const withBugtool = (): boolean => process.env.MESHPROOF_BUGTOOL === "1";

/** What the fault of the run is expected to do to a suite; undefined where nobody said. */
export const expectedOfRun = (suite: string): Expectation | undefined =>
  (JSON.parse(process.env.MESHPROOF_EXPECTED ?? "{}") as Record<string, Expectation>)[suite];

/** How many times less often than `budgets` says the suites' own probers ask. */
export const sparingOfRun = (): number => Number(process.env.MESHPROOF_SPARING ?? "1");

/** How often each measured test is to be there: in this run, or in the series where one is named. */
export const repeatsOfRun = (): number => Number(process.env.MESHPROOF_REPEAT ?? "1");

/** The file that measurements are added to, over runs. */
export const seriesOfRun = (): string | undefined => process.env.MESHPROOF_SERIES || undefined;

/** A series of earlier measurements that outages are held against. */
export const baselineOfRun = (): string | undefined => process.env.MESHPROOF_BASELINE || undefined;
