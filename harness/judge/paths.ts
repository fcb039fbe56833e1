import type { AskAnswer } from "#harness/model/probe-wire.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";

/** What came back on one path. */
export interface PathAnswers {
  /** `cluster/node (ip)`. */
  readonly from: string;
  readonly to: string;
  readonly expectedBody: string;
  readonly answers: readonly AskAnswer[];
}

/** Passes if the right pod answered every request and no path is missing. */
export function judgePaths(paths: readonly PathAnswers[], expectedPaths: number): Verdict {
  const reasons: string[] = [];
  if (paths.length !== expectedPaths || expectedPaths === 0)
    reasons.push(`${paths.length} paths were tried, ${expectedPaths} are expected`);
  for (const path of paths) {
    if (path.answers.length === 0) reasons.push(`${path.from} -> ${path.to}: no request was sent`);
    const bad = path.answers.filter((a) => a.outcome !== "ok");
    const unexpected = path.answers.find((a) => a.outcome === "ok" && a.body.trim() !== path.expectedBody);
    const [first] = bad;
    if (first !== undefined)
      reasons.push(
        `${path.from} -> ${path.to}: ${first.outcome} on ${bad.length} of ${path.answers.length} requests (${first.detail})`,
      );
    if (unexpected !== undefined)
      reasons.push(
        `${path.from} -> ${path.to}: answered by ${unexpected.body.trim().slice(0, 60)}, expected ${path.expectedBody}`,
      );
  }
  return failedBecause(reasons);
}
