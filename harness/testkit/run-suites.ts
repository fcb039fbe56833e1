import { join } from "node:path";
import { Writable } from "node:stream";
import {
  BaseSequencer,
  type CliOptions,
  createVitest,
  type Reporter,
  type TestSequencerConstructor,
  type TestSpecification,
  type Vitest,
} from "vitest/node";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { runVariable } from "./run-context.ts";
import { testkitFile, testkitName } from "./suite-list.ts";

export interface SuiteRun {
  /** Files of the suites, in the order in which they run. */
  readonly files: readonly string[];
  /** Path of the run's context. */
  readonly contextFile: string;
  readonly reporters: readonly Reporter[];
  readonly signal: AbortSignal;
  /** The folder of the suites, if not `suites/`. */
  readonly suitesDir?: string;
}

/** Runs suites through vitest, one after the other, to the end or to the signal. */
export async function runSuites(run: SuiteRun): Promise<void> {
  const { files, signal } = run;
  const vitest = await openVitest(run);
  signal.addEventListener("abort", () => void vitest.cancelCurrentRun("keyboard-input"), { once: true });
  try {
    throwIfAborted(signal, "test");
    await vitest.start([...files]);
  } finally {
    await vitest.close();
  }
}

/** The project `suites` of `vitest.config.ts`, or an equivalent for suites in another folder. */
const projectOf = (suitesDir: string | undefined): CliOptions =>
  suitesDir === undefined
    ? { config: join(repoRoot(), "vitest.config.ts"), project: ["suites"] }
    : {
        config: false,
        dir: suitesDir,
        include: ["**/*.suite.ts"],
        alias: { [testkitName]: testkitFile },
        setupFiles: ["harness/testkit/vitest-setup.ts"],
        pool: "forks",
        fileParallelism: false,
        retry: 0,
        expect: { requireAssertions: true },
      };

async function openVitest({ files, contextFile, reporters, suitesDir }: SuiteRun): Promise<Vitest> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const listeners = new Map(signals.map((name) => [name, process.listeners(name)]));
  const vitest = await createVitest(
    "test",
    {
      root: repoRoot(),
      watch: false,
      env: { [runVariable]: contextFile },
      sequence: { sequencer: inOrder(files), concurrent: false, shuffle: false },
      reporters: [...reporters],
      ...projectOf(suitesDir),
    },
    {},
    { stdout: plain(process.stdout), stderr: plain(process.stderr) },
  );
  // On a signal vitest ends the process at once, without clean-up.
  for (const [name, kept] of listeners) {
    for (const listener of process.listeners(name))
      if (!kept.includes(listener)) process.removeListener(name, listener);
  }
  return vitest;
}

/** The stream, not recognisable as a terminal, because vitest would hide the cursor. */
const plain = (stream: NodeJS.WriteStream): Writable =>
  new Writable({ write: (chunk, _encoding, done) => void stream.write(chunk, done) });

/** The requested order; vitest's default depends on earlier failures and durations. */
function inOrder(files: readonly string[]): TestSequencerConstructor {
  return class extends BaseSequencer {
    override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
      const rank = (s: TestSpecification): number => files.indexOf(s.moduleId);
      return [...specifications].sort((a, b) => rank(a) - rank(b));
    }
  };
}
