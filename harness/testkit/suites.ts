import { basename, join } from "node:path";
import { BaseSequencer, createVitest, type Reporter, type TestSpecification, type Vitest } from "vitest/node";
import { MeshproofError } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import type { MeshproofReporter } from "./reporter.ts";

/** Those that every lab runs, and `prove` proves. Order on the page: what the later ones rest on comes first. */
export const suiteNames = [
  "node-discovery",
  "kvstore",
  "health-matrix",
  "pod-to-pod",
  "global-service",
  "affinity",
  "failover",
  "policy",
] as const;

/** What not every lab has: run where the lab file names them (`suites`), or the command does. */
export const labSuiteNames = [
  "endpoint-slices",
  "global-namespaces",
  "mcs-api",
  "apiserver-replicas",
  "certificate-rotation",
  "nginx",
  "restart-order",
  "cache-ttl",
  "native-routing",
  "dual-stack",
  "field",
] as const;

/** Every suite that `prove` has a table for. */
export const provenSuites: readonly string[] = [...suiteNames, ...labSuiteNames];

/** Suites that take their time: run where they are named. */
export const longSuiteNames = [
  "failover-affinity",
  "failover-backends",
  "failover-rollout",
  "failover-rollout-drain",
  "failover-migration",
  "failover-mesh",
  "failover-delays",
] as const;

const allSuites: readonly string[] = [...provenSuites, ...longSuiteNames];

/** Runs suites through vitest, in the order of `suiteNames`, to the end or to the signal. */
export async function runSuites(
  suites: readonly string[],
  reporter: MeshproofReporter,
  signal: AbortSignal,
): Promise<void> {
  const vitest = await openVitest([reporter]);
  signal.addEventListener("abort", () => void vitest.cancelCurrentRun("keyboard-input"), { once: true });
  try {
    throwIfAborted(signal, "test");
    await vitest.start(suites.map(fileOf));
  } finally {
    await vitest.close();
  }
}

/** The names of the suites' tests on a lab, as vitest itself lists them; nothing is run. */
export async function listTests(lab: string): Promise<ReadonlyMap<string, readonly string[]>> {
  process.env.MESHPROOF_TEST_LAB = lab;
  const vitest = await openVitest([]);
  try {
    // Names hold those of the clusters: the files must run for them to be known.
    const { testModules } = await vitest.collect(provenSuites.map(fileOf), { staticParse: false });
    return new Map(
      testModules.map((m) => [
        basename(m.moduleId).replace(/\.test\.ts$/, ""),
        [...m.children.allTests()].map((t) => t.fullName),
      ]),
    );
  } finally {
    await vitest.close();
  }
}

const fileOf = (suite: string): string => `suites/${suite}.test.ts`;

async function openVitest(reporters: Reporter[]): Promise<Vitest> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const ours = new Map(signals.map((name) => [name, process.listeners(name)]));
  const vitest = await createVitest("test", {
    root: repoRoot(),
    config: join(repoRoot(), "vitest.config.ts"),
    project: ["suites"],
    watch: false,
    sequence: { sequencer: InOrder },
    reporters,
  });
  // vitest ends the process on a signal, at once: clean-up would not run.
  for (const [name, kept] of ours) {
    for (const listener of process.listeners(name))
      if (!kept.includes(listener)) process.removeListener(name, listener);
  }
  return vitest;
}

/** The order of `suiteNames`, whatever failed or took long the last time. */
class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification): number =>
      allSuites.findIndex((name) => file.moduleId.endsWith(`/${name}.test.ts`));
    return [...files].sort((a, b) => rank(a) - rank(b));
  }
}

/** The suites to run: those that were named, else all of the lab. */
export function checkSuites(suites: readonly string[], plan: Pick<LabPlan, "suites">): readonly string[] {
  for (const suite of [...suites, ...plan.suites]) {
    if (!allSuites.includes(suite)) {
      throw new MeshproofError("usage", `there is no suite ${suite}`, {
        cure: `name one or more of ${allSuites.join(", ")}`,
      });
    }
  }
  return suites.length === 0 ? [...suiteNames, ...plan.suites] : suites;
}
