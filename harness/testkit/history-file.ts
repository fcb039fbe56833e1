import { join } from "node:path";
import type { TestContext } from "vitest";
import type { TestNotes } from "#harness/model/record.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { runDirOf } from "./run-dir.ts";

/** Path of a test's history under `histories/`, for the report and for judging it again. */
export function historyFileOf(
  task: TestContext["task"],
  notes: TestNotes,
  run: RunContext,
  title: string,
): string {
  const file = `${[task.fullTestName, title].map((n) => n.replace(/[^a-z0-9]+/gi, "-")).join("--")}.ndjson`;
  notes.histories = [...(notes.histories ?? []), file];
  return join(runDirOf(run), "histories", file);
}
