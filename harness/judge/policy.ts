import type { SampleOutcome } from "#harness/model/history.ts";
import { combine, failedBecause, unknownBecause, type Verdict } from "#harness/model/verdict.ts";

/** The outcome of one request. */
export interface PolicyPath {
  readonly from: string;
  readonly to: string;
  readonly outcome: SampleOutcome;
  readonly detail: string;
}

export interface ExpectedPath {
  readonly path: PolicyPath;
  readonly open: boolean;
}

/**
 * An open path answers; a denied one times out. A refusal is an answer of the peer's kernel, so policy let the packet
 * through. Anything else (a broken prober, no route) is an error of the rig.
 */
export function judgeOutcomes(paths: readonly ExpectedPath[]): Verdict {
  if (paths.length === 0) return unknownBecause(["no path was tried"]);
  return combine(
    paths.map(({ path, open }) => {
      const seen = `${path.from} -> ${path.to}: ${path.outcome}${path.detail === "" ? "" : ` (${path.detail})`}`;
      if (open)
        return path.outcome === "ok" ? failedBecause([]) : failedBecause([`${seen}, but policy allows it`]);
      if (path.outcome === "timeout") return failedBecause([]);
      if (path.outcome === "ok" || path.outcome === "refused" || path.outcome === "reset")
        return failedBecause([`${seen}, but policy denies it`]);
      return unknownBecause([`${seen}: neither an answer nor a drop`]);
    }),
  );
}
