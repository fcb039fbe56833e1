import { formatMs } from "#harness/lib/clock.ts";
import type { RunOutput } from "./records.ts";

const words = {
  pass: "pass",
  fail: "FAIL",
  unknown: "UNKNOWN",
  unsupported: "unsupported",
  skipped: "skipped",
} as const;

const below = "\n              ";

/** One line a suite, one a test with its reasons below. */
export const consoleOutput = (say: (line: string) => void): RunOutput => ({
  suiteStarted: ({ name, goal }) => say(`${name}: ${goal}`),
  testEnded({ outcome, name, durationMs, reasons }) {
    const why = reasons.map((r) => below + r.replaceAll("\n", below)).join("");
    say(`  ${words[outcome].padEnd(11)} ${name} (${formatMs(durationMs)})${why}`);
  },
  suiteEnded(suite, errors) {
    const word = suite.errors.length === 0 ? "UNKNOWN" : "ERROR  ";
    for (const error of errors) say(`  ${word}     set-up or clean-up: ${error}`);
  },
});
