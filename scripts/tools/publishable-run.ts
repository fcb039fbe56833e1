import { MeshproofError } from "#harness/lib/errors.ts";
import type { RunRecord } from "#harness/model/record.ts";

type Run = Pick<RunRecord, "runId" | "commit" | "clusters" | "fault">;

/** What a published run is known by. */
export interface RunOrigin {
  readonly runId: string;
  readonly commit: string;
  readonly cilium: string;
  readonly kubernetes: string;
}

/** Throws `usage` saying that this run, for the given reason, cannot be published. */
export function refuseRun({ runId }: Pick<Run, "runId">, why: string): never {
  throw new MeshproofError("usage", `run ${runId} ${why}`, {
    remedy: "name a run of one version, without a fault, from a commit without changes",
  });
}

/** Throws `usage` for a run that says nothing of a version: a fault, mixed versions, an unclean commit. */
export function originOf(run: Run): RunOrigin {
  const { runId, commit = "an unknown commit", fault } = run;
  if (!/^[0-9a-f]{7,40}$/.test(commit))
    refuseRun(run, `is from ${commit}: not from a commit without changes`);
  if (fault !== undefined && fault !== null) refuseRun(run, `has fault ${fault}`);
  const one = (what: "cilium" | "kubernetes"): string => {
    const [first, ...others] = new Set(run.clusters.map((c) => c[what]));
    return first === undefined || others.length > 0
      ? refuseRun(run, `has not one version of ${what}`)
      : first;
  };
  return { runId, commit, cilium: one("cilium"), kubernetes: one("kubernetes") };
}
