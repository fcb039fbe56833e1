import { join } from "node:path";
import { wallLabel } from "#harness/lib/clock.ts";
import { printable } from "#harness/lib/visible.ts";
import { appendToReport } from "#harness/platform/report-files.ts";
import type { RunOutput } from "./records.ts";
import type { WriteQueue } from "./write-queue.ts";

/** `events.jsonl`: one line per start and end of a suite, and per test. */
export function eventsOutput(runDir: string, queue: WriteQueue): RunOutput {
  const event = (data: Record<string, unknown>): void => {
    const line = `${printable(JSON.stringify({ at: wallLabel(), ...data }))}
`;
    void queue.add(() => appendToReport(join(runDir, "events.jsonl"), line));
  };
  return {
    suiteStarted: ({ name }) => event({ event: "suite-start", suite: name }),
    testEnded: (test) => event({ event: "test", ...test, notes: { ...test.notes, healthCells: undefined } }),
    suiteEnded: ({ name }, errors) => event({ event: "suite-end", suite: name, errors }),
    ended: () => queue.done,
  };
}
