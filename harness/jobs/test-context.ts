import { resolve } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { faultNamed } from "#harness/faults/index.ts";
import type { Expectation } from "#harness/judge/kill-matrix.ts";
import { type RunContext, runContextSchema } from "#harness/model/run-context.ts";
import { requireLab } from "#harness/state/lab.ts";
import { decideCapabilities } from "#harness/testkit/capabilities.ts";
import { writeRunContext } from "#harness/testkit/run-context.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { type ListedSuite, loadSuites, requirementsOf } from "#harness/testkit/suite-list.ts";

/** Options of a command that its suites need. */
export interface ContextOptions {
  readonly runId: string;
  readonly reportsDir: string;
  readonly bugtool?: boolean;
  readonly fault?: string;
  readonly expected?: Readonly<Record<string, Expectation>>;
  readonly includeEither?: boolean;
  readonly probeIntervalFactor?: number;
  readonly repeat?: number;
  readonly series?: string;
  readonly baseline?: string;
  readonly selected?: Readonly<Record<string, readonly string[]>>;
  readonly accepted?: Readonly<Record<string, readonly string[]>>;
  readonly pauseOnFail?: boolean;
}

/** The context of a run of some suites, with decisions on all their requirements. */
export async function contextOf(
  mesh: Mesh,
  suites: readonly ListedSuite[],
  options: ContextOptions,
): Promise<RunContext> {
  const clusters = mesh.clusters.map((c) => c.name);
  const { runId, bugtool, fault, expected, probeIntervalFactor, repeat, series, baseline } = options;
  const { includeEither, selected, accepted, pauseOnFail } = options;
  return runContextSchema.parse({
    version: 1,
    runId,
    lab: mesh.state.lab,
    clusters,
    reportsDir: resolve(options.reportsDir),
    bugtool,
    fault,
    expected,
    includeEither,
    probeIntervalFactor,
    repeat,
    series: series === undefined ? undefined : resolve(series),
    baseline: baseline === undefined ? undefined : resolve(baseline),
    selected,
    accepted,
    pauseOnFail,
    capabilities: await decideCapabilities(mesh, requirementsOf(suites, { clusters, repeat: repeat ?? 1 })),
  });
}

/** Writes a context with which `npx vitest` can run any suite on a running lab; runs no suite. */
export async function writeContext(
  file: string,
  lab: string,
  options: Omit<ContextOptions, "reportsDir">,
): Promise<void> {
  if (options.fault !== undefined) faultNamed(options.fault);
  const mesh = new Mesh(await requireLab(lab));
  await writeRunContext(
    file,
    await contextOf(mesh, await loadSuites(), { ...options, reportsDir: reportsDir() }),
  );
}
