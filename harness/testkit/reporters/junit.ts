import { join } from "node:path";
import type { SuiteRecord } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { type JunitRun, toJunit } from "#harness/report/junit.ts";
import type { RunOutput } from "./records.ts";
import type { WriteQueue } from "./write-queue.ts";

/** `junit.xml` of all records so far, rewritten with each record, so that a killed run leaves one too. */
export function junitOutput(
  runDir: string,
  head: Omit<JunitRun, "suites">,
  queue: WriteQueue,
  /** Placeholder for the rest of the command until it has ended. */
  unfinished: () => readonly SuiteRecord[] = () => [],
): RunOutput {
  const write = (suites: JunitRun["suites"]): Promise<void> =>
    queue.add(() =>
      writeReportFile(join(runDir, "junit.xml"), toJunit({ ...head, suites: [...suites, ...unfinished()] })),
    );
  return {
    testEnded: (_, suites) => write(suites),
    suiteEnded: (_suite, _errors, suites) => write(suites),
    ended: () => queue.done,
  };
}
