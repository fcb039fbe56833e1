import { formatMs } from "#harness/lib/clock.ts";
import { countsAsFailure, type TestRecord } from "#harness/model/record.ts";
import type { RunOutput } from "./records.ts";

const words = {
  pass: "pass",
  fail: "FAIL",
  unknown: "UNKNOWN",
  unsupported: "unsupported",
  skipped: "skipped",
} as const;

const below = "\n              ";

/** One line per suite, and one per test with its reasons below. */
export const consoleOutput = (
  say: (line: string) => void,
  /** For a test that did not pass: the command that repeats only it, and the path of its evidence. */
  next: (test: TestRecord) => readonly string[] = () => [],
): RunOutput => ({
  suiteStarted: ({ name, goal }) => say(`${name}: ${goal}`),
  testEnded(test) {
    const { outcome, name, durationMs, reasons } = test;
    const why = reasons.map((r) => below + r.replaceAll("\n", below)).join("");
    const word = test.accepted === undefined ? words[outcome] : "accepted";
    say(`  ${word.padEnd(11)} ${name} (${formatMs(durationMs)})${why}`);
    if (countsAsFailure(test) || outcome === "unknown")
      for (const line of next(test)) say(`              ${line}`);
  },
  suiteEnded(suite, errors) {
    const word = suite.errors.length === 0 ? "UNKNOWN" : "ERROR  ";
    for (const error of errors) say(`  ${word}     set-up or clean-up: ${error}`);
  },
});
