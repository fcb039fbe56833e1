import { lowerBound, upperBound } from "#harness/lib/binomial.ts";
import { percentDown, percentUp } from "#harness/lib/stats.ts";
import type { Bound, PhaseRecord } from "#harness/model/certificate.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";

const confidence = 0.95;

/** Whether clients saw anything of a phase: a lost request, or the end of a kept TCP connection. */
export const lostSomething = ({ disruptions }: Pick<PhaseRecord, "disruptions">): boolean =>
  disruptions.some((d) => d.lost > 0 || (d.kind === "tcp heartbeat" && d.resets > 0));

/** What is needed of a cycle. */
export type BoundedCycle = Pick<CycleRecord, "lab" | "phases">;

/**
 * How many of the moves to one version lost something, and what that bounds: for all of them, then for each kind of
 * move. Moves that did not complete are judged elsewhere.
 */
export function boundsOf(cycles: readonly BoundedCycle[], to: "old" | "new", version: string): Bound[] {
  const moves = cycles.flatMap(({ lab, phases }) =>
    phases.filter((p) => p.change?.to === to && p.error === null).map((phase) => ({ lab, phase })),
  );
  if (moves.length === 0) return [];
  const kinds = Map.groupBy(moves, (m) => m.phase.name);
  return [
    boundOf(`all to ${version}`, moves),
    ...(kinds.size < 2 ? [] : [...kinds].map(([name, own]) => boundOf(name, own))),
  ];
}

function boundOf(
  moves: string,
  of: readonly { readonly lab: string; readonly phase: Pick<PhaseRecord, "disruptions"> }[],
): Bound {
  const n = of.length;
  const labs = new Set(of.map((m) => m.lab)).size;
  const lost = of.filter((m) => lostSomething(m.phase)).length;
  const upperShare = upperBound(lost, n, confidence);
  return { moves, n, labs, lost, upperShare, text: textOf({ n, labs, lost, upperShare }) };
}

/**
 * The upper bound, or the lower one if every move lost something: then there is no other. Moves of one lab are not
 * independent, so they bound nothing beyond these labs.
 */
function textOf({ n, labs, lost, upperShare }: Omit<Bound, "moves" | "text">): string {
  const counted = n === 1 ? "1 move" : `${n} moves`;
  const seen = lost === 0 ? `no loss in ${counted}` : `a loss in ${lost} of ${counted}`;
  const where = labs < n ? `, in ${labs === 1 ? "this lab" : "these labs"}` : "";
  const share =
    lost < n
      ? `fewer than ${percentUp(upperShare)} %`
      : `at least ${percentDown(lowerBound(lost, n, confidence))} %`;
  return `${seen}: ${share} of moves lose something, at ${confidence * 100} %${where}`;
}
