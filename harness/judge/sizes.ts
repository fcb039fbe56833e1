import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { judgePaths, type PathAnswers } from "./paths.ts";

/** Requests of one size on one path. */
export interface SizedPath extends PathAnswers {
  /** `1,398 bytes over TCP`; undefined for small requests. */
  readonly size: string | undefined;
}

/** Passes if requests of every size were answered on every path; tells a path that is down from one that is too narrow. */
export function judgeSizes(paths: readonly SizedPath[], expectedPaths: number): Verdict {
  const small = paths.filter((p) => p.size === undefined);
  const sized = paths.filter((p) => p.size !== undefined);
  const works = new Set(small.filter((p) => judgePaths([p], 1).outcome === "pass").map(nameOf));
  const narrow = sized.filter((p) => works.has(nameOf(p)));
  return failedBecause([
    ...judgePaths(small, expectedPaths).reasons,
    ...(sized.length === 0 ? ["no request of another size was sent"] : []),
    ...narrow.flatMap((path) => {
      const { outcome, reasons } = judgePaths([path], 1);
      if (outcome === "pass") return [];
      const bad = path.answers.filter((a) => a.outcome !== "ok");
      // An answer by another pod is not a matter of size.
      if (path.answers.length > 0 && bad.length === 0) return reasons;
      const [first] = bad;
      return [
        `${path.from} -> ${path.to}: small requests pass, ${path.size} do not (${first === undefined ? "no request was sent" : `${first.outcome} on ${bad.length} of ${path.answers.length}`}): MTU between these nodes`,
      ];
    }),
  ]);
}

const nameOf = ({ from, to }: SizedPath): string => `${from} -> ${to}`;
