import { join } from "node:path";
import type { SuiteRecord } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { type JunitRun, toJunit } from "#harness/report/junit.ts";
import type { RunOutput } from "./records.ts";
import type { WriteQueue } from "./write-queue.ts";

/** `junit.xml` of what is known so far, written anew with each record: a run that is killed leaves it. */
export function junitOutput(
  runDir: string,
  head: Omit<JunitRun, "suites">,
  queue: WriteQueue,
  /** What stands for the rest of the command while it is not over. */
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
