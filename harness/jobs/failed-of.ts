import { MeshproofError } from "#harness/lib/errors.ts";
import type { ClusterRecord, RunRecord } from "#harness/model/record.ts";
import type { Named } from "#harness/testkit/selection.ts";

/** What `--rerun-failed` repeats: tests that failed or are unknown; of a set-up or clean-up, the whole suite. */
export function failedOf(run: RunRecord, known: ReadonlySet<string>): Named[] {
  return run.suites
    .filter((s) => known.has(s.name))
    .flatMap(({ name, errors, tests }): Named[] => {
      const failed = tests.filter((t) => t.outcome === "fail" || t.outcome === "unknown");
      const whole = errors.length > 0 || failed.some((t) => t.name === "set-up and clean-up");
      return whole ? [{ suite: name }] : failed.map((t) => ({ suite: name, test: t.name }));
    });
}

/** Throws `usage` where a run was of another lab: its failures say nothing of this one. */
export function requireSameLab(run: RunRecord, lab: string): void {
  if (run.lab !== lab)
    throw new MeshproofError("usage", `run ${run.runId} was of lab ${run.lab}, not of ${lab}`, {
      cure: `give --lab ${run.lab}, or name the tests with --test`,
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
      `run ${run.runId} was of other versions (${of(run.clusters)}) than the lab has (${of(clusters)})`,
      { cure: "name the tests with --test, or bring the lab up with those versions" },
    );
}
