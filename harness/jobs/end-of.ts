import { isUserInterrupt, saysAborted, unsuppressed } from "#harness/lib/ending.ts";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import type { RunRecord } from "#harness/model/record.ts";
import type { RunReport } from "./run-report.ts";

export interface Ended {
  /** Undefined where the command itself has set one. */
  readonly exitCode?: number;
  /** What the report of the command holds in the end; undefined for a command without one, and after `--help`. */
  readonly record?: RunRecord;
}

/** Whether a command line is one of those whose every ending is reported, whatever else is wrong with it. */
export const reportsEveryEnding = (argv: readonly string[]): boolean =>
  ["run", "test"].includes(argv.find((word) => !word.startsWith("-")) ?? "") &&
  // Runs nothing.
  !argv.some((word) => /^--write-context(=|$)/.test(word));

/** Runs a command to its end, whatever that is: the one place where errors are printed and become exit codes. */
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
    // Commander has printed its own.
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

/** What commander says of a command line that it does not take. */
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
