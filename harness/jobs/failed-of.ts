import { MeshproofError } from "#harness/lib/errors.ts";
import { before } from "#harness/lib/names.ts";
import {
  type ClusterRecord,
  countsAsFailure,
  type RunRecord,
  type TestRecord,
} from "#harness/model/record.ts";
import type { Named } from "#harness/testkit/selection.ts";

/**
 * The tests that `--rerun-failed` repeats: those that failed, are unknown, or were interrupted; after an error of
 * set-up or clean-up, the whole suite. Throws `usage` if there are none, or if a suite is unknown.
 */
export function failedOf(run: RunRecord, known: ReadonlySet<string>): Named[] {
  const failed = run.suites
    // This pseudo-suite records how the command ended.
    .filter((s) => s.name !== "meshproof")
    .flatMap(({ name, errors, tests }): Named[] => {
      const open = tests.filter(isOpen);
      const whole = errors.length > 0 || open.some((t) => t.name === "set-up and clean-up");
      return whole ? [{ suite: name }] : open.map((t) => ({ suite: name, test: t.name }));
    });
  const unknown = failed.find(({ suite }) => !known.has(suite));
  if (unknown !== undefined)
    throw new MeshproofError("usage", `run ${run.runId} failed in suite ${unknown.suite}, which is unknown`, {
      remedy: "add the --suites-dir of that run",
    });
  if (failed.length === 0)
    throw new MeshproofError(
      "usage",
      `run ${run.runId} has nothing to repeat: no test failed or was unknown`,
      {
        remedy: "name suites instead; a run that ended before its first test has no results",
      },
    );
  return failed;
}

const isOpen = (test: TestRecord): boolean =>
  countsAsFailure(test) ||
  test.outcome === "unknown" ||
  (test.outcome === "skipped" && test.reasons.includes("interrupted"));

/**
 * What `prove --rerun-failed` repeats: the faults with a cell that is neither killed nor green, or whose injection failed, and
 * the suites of that run. Throws `usage` where that is nothing, or of a run of another command.
 */
export function failedFaultsOf({ runId, suites, killMatrix }: RunRecord): {
  readonly faults: readonly string[];
  readonly suites: readonly string[];
} {
  if (killMatrix === undefined)
    throw new MeshproofError("usage", `run ${runId} is not a run of prove`, {
      remedy: `name a run of prove; \`test --rerun-failed ${runId}\` repeats tests`,
    });
  const { faults, cells } = killMatrix;
  const isOpenCell = (fault: string) => (c: (typeof cells)[number]) =>
    c.fault === fault && c.state !== "killed" && c.state !== "green";
  const failed = faults
    .filter(({ name, errors }) => errors.length > 0 || cells.some(isOpenCell(name)))
    .map((f) => f.name);
  if (failed.length === 0)
    throw new MeshproofError("usage", `run ${runId} has no fault to repeat: all that it tried were settled`, {
      remedy: `\`test --rerun-failed ${runId}\` repeats tests that failed on the healed mesh`,
    });
  // Where the first survivor ended the run, the suites did not run on the healed mesh.
  const healed = suites.map((s) => s.name);
  const tried = cells.map((c) => before(c.test, " > "));
  return { faults: failed, suites: [...new Set(healed.length > 0 ? healed : tried)] };
}

/** Throws `usage` if a run used another lab: its failures say nothing about this one. */
export function requireSameLab(run: RunRecord, lab: string): void {
  if (run.lab !== lab)
    throw new MeshproofError("usage", `run ${run.runId} used lab ${run.lab}, not ${lab}`, {
      remedy: `use --lab ${run.lab}, or name the tests with --test`,
    });
}

type Versions = Pick<ClusterRecord, "name" | "cilium" | "kubernetes">;

/** The same for the versions of its clusters. */
export function requireSameVersions(run: RunRecord, clusters: readonly Versions[]): void {
  const of = (all: readonly Versions[]): string =>
    all.map((c) => `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}`).join("; ");
  if (of(run.clusters) !== of(clusters))
    throw new MeshproofError(
      "usage",
      `run ${run.runId} used other versions (${of(run.clusters)}) than the lab has (${of(clusters)})`,
      { remedy: "name the tests with --test, or bring the lab up with those versions" },
    );
}
