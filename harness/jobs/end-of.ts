import { isUserInterrupt, saysAborted, unsuppressed } from "#harness/lib/ending.ts";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import type { RunRecord } from "#harness/model/record.ts";
import type { RunReport } from "./run-report.ts";

export interface Ended {
  /** Undefined if the command has set one itself. */
  readonly exitCode?: number;
  /** The final record of the command; undefined for a command without a report, and after `--help`. */
  readonly record?: RunRecord;
}

/** Whether a command line gets a report however it ends, even if its options are invalid. */
export const reportsEveryEnding = (argv: readonly string[]): boolean =>
  ["run", "test"].includes(argv.find((word) => !word.startsWith("-")) ?? "") &&
  // Runs no suite.
  !argv.some((word) => /^--write-context(=|$)/.test(word));

/** Runs a command to its end. Only here errors are printed and become exit codes. */
export async function endOf(
  command: () => Promise<unknown>,
  {
    report,
    signal,
    warn,
  }: { report: RunReport | undefined; signal: AbortSignal; warn: (text: string) => void },
): Promise<Ended> {
  let error: unknown;
  try {
    await command();
  } catch (thrown) {
    const parsed = commanderError(thrown);
    // --help and --version.
    if (parsed?.exitCode === 0) return { exitCode: 0 };
    error = parsed?.error ?? thrown;
    // Commander has already printed its errors.
    if (parsed === undefined)
      for (const one of unsuppressed(thrown))
        warn(describeError(saysAborted(one, signal) ? signal.reason : one));
  }
  const record = await report?.close(error);
  if (record !== undefined) return { record, exitCode: record.exitCode };
  if (isUserInterrupt(signal)) return { exitCode: 130 };
  if (error === undefined) return signal.aborted ? { exitCode: 3 } : {};
  return { exitCode: error instanceof MeshproofError ? error.exitCode : 3 };
}

/** Commander's error for an invalid command line. */
function commanderError(thrown: unknown): { exitCode: number; error: MeshproofError } | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown) || !String(thrown.code).startsWith("commander."))
    return undefined;
  return {
    exitCode: "exitCode" in thrown && thrown.exitCode === 0 ? 0 : 2,
    error: new MeshproofError("usage", thrown.message.replace(/^error: /, ""), {
      remedy: "run the command with --help for usage",
    }),
  };
}
