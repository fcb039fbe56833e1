import { formatMs } from "#harness/lib/clock.ts";
import { median } from "#harness/lib/stats.ts";
import type { Certificate } from "#harness/model/certificate.ts";

type Phase = Certificate["phases"][number];

/** What moves to one version cost. */
export interface Cost {
  readonly moves: number;
  readonly typicalMs: number;
  readonly longestMs: number;
  /** Requests sent and lost, on all paths in all these moves. */
  readonly sent: number;
  readonly lost: number;
  /** Moves in which something was lost. */
  readonly lossy: number;
  readonly worst:
    | { readonly path: string; readonly move: string; readonly gapMs: number; readonly cause: string }
    | undefined;
  /** Ends of kept connections: of TCP connections that must survive, and of others. */
  readonly ended: { readonly tcp: number; readonly others: number };
}

/** The moves of a certificate to its own version, or those of the way back. */
export function movesOf(c: Certificate, to: "own" | "other"): Phase[] {
  const target = (c.direction === "forth") === (to === "own") ? "new" : "old";
  return c.phases.filter((p) => p.change?.to === target);
}

export function costOf(moves: readonly Phase[]): Cost {
  const all = moves.flatMap((p) => p.disruptions.map((d) => ({ ...d, move: p.name })));
  const worst = all.filter((d) => d.lost > 0).sort((a, b) => b.longestGapMs - a.longestGapMs)[0];
  // The rest of a phase is the harness that observes: settling, a pause, a comparison.
  const durations = moves.map((p) => p.changeMs ?? p.durationMs);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const isTcp = (kind: string): boolean => kind === "tcp heartbeat";
  return {
    moves: moves.length,
    typicalMs: moves.length === 0 ? 0 : median(durations),
    longestMs: Math.max(0, ...durations),
    sent: sum(all.map((d) => d.sent)),
    lost: sum(all.map((d) => d.lost)),
    lossy: moves.filter((p) => p.disruptions.some((d) => d.lost > 0)).length,
    worst:
      worst === undefined
        ? undefined
        : {
            path: worst.path,
            move: worst.move,
            gapMs: worst.longestGapMs,
            cause: worst.outages[0]?.cause ?? "",
          },
    ended: {
      tcp: sum(all.filter((d) => isTcp(d.kind)).map((d) => d.resets)),
      others: sum(all.filter((d) => !isTcp(d.kind)).map((d) => d.resets)),
    },
  };
}

/** Everything that was recorded: its duration, and which part of it was measured. */
export function coverageOf(c: Certificate): {
  readonly durationMs: number;
  readonly measuredMs: number;
  readonly suitesMs: number;
  readonly interruptedMs: number;
} {
  const sum = (values: readonly { readonly durationMs: number }[]): number =>
    values.reduce((total, v) => total + v.durationMs, 0);
  return {
    durationMs: sum(c.cycles),
    measuredMs: c.cycles.reduce((total, v) => total + v.measuredMs, 0),
    suitesMs: sum(c.suiteWindows),
    interruptedMs: sum(c.cycles.flatMap((cycle) => cycle.interruptions)),
  };
}

/** Which time was not measured, in words. */
export function coverageText(c: Certificate): string {
  const { durationMs, measuredMs, suitesMs, interruptedMs } = coverageOf(c);
  const share = durationMs === 0 ? 0 : measuredMs / durationMs;
  return [
    `${percent(share)} of ${formatMs(durationMs)} was measured on every path at its full rate.`,
    durationMs === measuredMs ? "" : `${formatMs(durationMs - measuredMs)} was not.`,
    interruptedMs === 0 ? "" : `In ${formatMs(interruptedMs)} of that the command was interrupted.`,
    suitesMs === 0
      ? ""
      : `${formatMs(suitesMs)} more are windows of suites: traffic is ${intervalFactors(c)} times slower there, and its losses are not judged.`,
  ]
    .filter((text) => text !== "")
    .join(" ");
}

const intervalFactors = (c: Certificate): string =>
  [...new Set(c.suiteWindows.map((w) => w.intervalFactor))].join(" or ");

/** Rounded down: 97.99 % is not 98 %. */
export const percent = (share: number): string => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
