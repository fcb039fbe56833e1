import { found } from "#harness/lib/found.ts";
import type { Disruption, PhaseRecord } from "#harness/model/certificate.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";

/** What traffic lost within the budgets in one phase. */
export interface DisruptedPhase {
  readonly phase: Pick<PhaseRecord, "name">;
  readonly disruptions: readonly Disruption[];
  readonly cycle: number;
  /** Beside suites, which may disturb the traffic themselves. */
  readonly beside?: boolean;
}

interface Loss extends Disruption {
  readonly name: string;
  readonly cycle: number;
  readonly beside: boolean;
}

/** One finding for each path and phase, over all cycles. */
export function disruptionFindings(phases: readonly DisruptedPhase[], cycles: number): CertificateFinding[] {
  const all = phases.flatMap(({ phase, disruptions, cycle, beside = false }) =>
    disruptions.map((d): Loss => ({ ...d, name: phase.name, cycle, beside })),
  );
  const baseline = phases[0]?.phase.name;
  const keyOf = (l: Pick<Loss, "name" | "path">): string => `${l.name}\n${l.path}`;
  const byPath = Map.groupBy(all, keyOf);
  return [...byPath.values()].flatMap((own) => {
    const { name, path } = found(own[0], "disruption of a path");
    const quiet = name === baseline ? [] : (byPath.get(keyOf({ name: baseline ?? "", path })) ?? []);
    return [...lossFinding(own, cycles, quiet), ...endFinding(own, cycles)];
  });
}

function lossFinding(own: readonly Loss[], cycles: number, quiet: readonly Loss[]): CertificateFinding[] {
  const lossy = own.filter((l) => l.lost > 0).sort((a, b) => b.longestGapMs - a.longestGapMs);
  const [worst] = lossy;
  if (worst === undefined) return [];
  const lostBefore = quiet.reduce((sum, l) => sum + l.lost, 0);
  const sentBefore = quiet.reduce((sum, l) => sum + l.sent, 0);
  return [
    {
      id: worst.beside ? "lost-beside-suites" : "requests-lost",
      grade: worst.beside ? "information" : "caution",
      message: [
        `${worst.name}: ${worst.path}: ${worst.lost} of ${worst.sent} lost, ${worst.longestGapMs} ms at most`,
        circumstancesOf(worst),
        seenIn(lossy, cycles),
        lostBefore === 0 ? "" : `; in the baseline ${lostBefore} of ${sentBefore}`,
      ].join(""),
    },
  ];
}

/** The pacing, below which no gap is seen, then event and first loss of the longest outage. */
function circumstancesOf({ everyMs, outages }: Loss): string {
  const longest = outages[0];
  const cause = longest?.cause ?? "";
  const firstLoss = longest?.firstLoss;
  return [
    everyMs === undefined ? "" : `, asked every ${everyMs} ms`,
    cause === "" ? "" : `; after: ${cause}`,
    firstLoss === undefined ? "" : `; what was lost first said ${firstLoss}`,
  ].join("");
}

function endFinding(own: readonly Loss[], cycles: number): CertificateFinding[] {
  const ended = own.filter((l) => l.resets > 0).sort((a, b) => b.resets - a.resets);
  const [worst] = ended;
  if (worst === undefined) return [];
  return [
    {
      id: worst.beside ? "lost-beside-suites" : "connection-ended",
      grade: worst.beside ? "information" : "caution",
      message: `${worst.name}: ${worst.path}: the connection ended ${worst.resets === 1 ? "once" : `${worst.resets} times`}${seenIn(ended, cycles)}`,
    },
  ];
}

const seenIn = (losses: readonly Loss[], cycles: number): string => {
  const n = new Set(losses.map((l) => l.cycle)).size;
  return cycles === 1 ? "" : `; in ${n} of ${cycles} cycles`;
};

/** Without the outages that a disturbance of the certification itself caused; the same object if there were none. */
export function withoutDisturbances(d: Disruption): Disruption {
  const own = d.outages.filter((o) => o.disturbance !== true);
  const ends = (d.ends ?? []).filter((e) => e.disturbance !== true);
  if (own.length === d.outages.length && ends.length === (d.ends ?? []).length) return d;
  const made = d.outages.filter((o) => o.disturbance === true);
  const lost = Math.max(0, d.lost - made.reduce((sum, o) => sum + o.lost, 0));
  return {
    ...d,
    lost,
    lostMs: lostMsWithout(d, made, lost),
    longestGapMs: Math.max(0, ...own.map((o) => o.gapMs)),
    resets: d.resets - (d.ends ?? []).filter((e) => e.disturbance === true).length,
    outages: own,
  };
}

/** Records without `everyMs` hold lost requests times their interval: there the share of lost requests counts. */
function lostMsWithout(d: Disruption, made: Disruption["outages"], lost: number): number {
  if (d.everyMs === undefined) return d.lost === 0 ? 0 : Math.round((d.lostMs * lost) / d.lost);
  return Math.max(0, d.lostMs - made.reduce((sum, o) => sum + o.gapMs, 0));
}
