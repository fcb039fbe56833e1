import { join } from "node:path";
import {
  BaseSequencer,
  createVitest,
  type Reporter,
  type TestSequencerConstructor,
  type TestSpecification,
  type Vitest,
} from "vitest/node";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { runVariable } from "./run-context.ts";

export interface SuiteRun {
  /** Of the suites, in the order in which they are to run. */
  readonly files: readonly string[];
  /** Of the run's context. */
  readonly contextFile: string;
  readonly reporters: readonly Reporter[];
  readonly signal: AbortSignal;
}

/** Runs suites through vitest, one after the other, to the end or to the signal. */
export async function runSuites({ files, contextFile, reporters, signal }: SuiteRun): Promise<void> {
  const vitest = await openVitest(contextFile, reporters, inOrder(files));
  signal.addEventListener("abort", () => void vitest.cancelCurrentRun("keyboard-input"), { once: true });
  try {
    throwIfAborted(signal, "test");
    await vitest.start([...files]);
  } finally {
    await vitest.close();
  }
}

async function openVitest(
  contextFile: string,
  reporters: readonly Reporter[],
  sequencer: TestSequencerConstructor,
): Promise<Vitest> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const ours = new Map(signals.map((name) => [name, process.listeners(name)]));
  const vitest = await createVitest("test", {
    root: repoRoot(),
    config: join(repoRoot(), "vitest.config.ts"),
    project: ["suites"],
    watch: false,
    env: { [runVariable]: contextFile },
    sequence: { sequencer },
    reporters: [...reporters],
  });
  // vitest ends the process on a signal, at once: clean-up would not run.
  for (const [name, kept] of ours) {
    for (const listener of process.listeners(name))
      if (!kept.includes(listener)) process.removeListener(name, listener);
  }
  return vitest;
}

/** The order that was asked for, whatever failed or took long the last time. */
function inOrder(files: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
      const rank = (s: TestSpecification): number => files.indexOf(s.moduleId);
      return [...specifications].sort((a, b) => rank(a) - rank(b));
    }
  };
}
