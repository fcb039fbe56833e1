import {
  type Certification,
  type Disruption,
  leastMeasuredShare,
  type PhaseRecord,
} from "#harness/model/certificate.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import { type DisruptedPhase, disruptionFindings, withoutDisturbances } from "./certification-findings.ts";
import { measuredShare } from "./measured-time.ts";

export interface Judged {
  readonly verdict: Certification;
  readonly reasons: readonly string[];
  readonly findings: readonly CertificateFinding[];
}

export type JudgedCycle = Pick<CycleRecord, "phases" | "suiteWindows" | "interruptions">;

export interface UpgradeBudgets {
  readonly upgradeGapMs: number;
  readonly upgradeLostMs: number;
}

/** At least so many cycles, from so many labs, make a certificate. */
export const leastCycles = { cycles: 5, labs: 3 } as const;

/** What one phase, or one window of suites, says. */
export interface PhaseJudged {
  readonly against: readonly string[];
  readonly open: readonly string[];
  readonly findings: readonly CertificateFinding[];
  /** What traffic lost within the budgets. */
  readonly within: PhaseRecord["disruptions"];
}

export interface PhasePlace {
  /** Whether no cluster had moved yet. */
  readonly before: boolean;
  /** Whether it is a window of suites, in which traffic is slower and not judged. */
  readonly beside: boolean;
}

/** Judges one phase of a cycle. */
export function judgePhase(
  p: PhaseRecord,
  { before, beside }: PhasePlace,
  budgets: UpgradeBudgets,
): PhaseJudged {
  const outcome: Outcome = { against: [], open: [], findings: [] };
  suiteReasons(p, before, outcome);
  phaseReasons(p, outcome);
  if (beside) return { ...outcome, within: p.disruptions };
  const { reasons, within, findings } = trafficReasons(p, budgets);
  // If the test machine was disturbed, an outage cannot be attributed to the upgrade.
  (p.rig.length + p.harness.length > 0 ? outcome.open : outcome.against).push(...reasons);
  outcome.findings.push(...findings);
  if (p.disruptions.length === 0 || p.disruptions.some((d) => d.sent === 0))
    outcome.open.push("a path was not measured");
  else if (p.change !== null) outcome.open.push(...unmeasured([p], "it"));
  return { ...outcome, within };
}

/** The phases of a cycle and its windows of suites, each with its place. */
export function placesOf(
  cycle: Omit<JudgedCycle, "interruptions">,
): (PhasePlace & { readonly phase: PhaseRecord })[] {
  const moved = cycle.phases.find((p) => p.change !== null)?.startMs ?? Number.POSITIVE_INFINITY;
  const placed = (beside: boolean) => (phase: PhaseRecord) => ({
    phase,
    beside,
    before: phase.startMs < moved,
  });
  return [...cycle.phases.map(placed(false)), ...cycle.suiteWindows.map(placed(true))].sort(
    (a, b) => a.phase.startMs - b.phase.startMs,
  );
}

/**
 * The verdict on an upgrade from its cycles. It is not certified if any of these occurs in any of them: a leaked
 * packet, a test that fails after the first move, lost persistent state, an outage over the budget, a kept TCP
 * connection that ended, a move that did not complete. Disturbances and errors of the harness, missing measurements, and
 * a test that failed before anything moved leave it unknown.
 */
export function certify(
  cycles: readonly JudgedCycle[],
  budgets: UpgradeBudgets,
  known: readonly CertificateFinding[],
): Judged {
  const against: string[] = [];
  const open: string[] = [];
  const findings: CertificateFinding[] = [...known];
  const disrupted: DisruptedPhase[] = [];
  for (const [i, cycle] of cycles.entries()) {
    const prefix = cycles.length > 1 ? `cycle ${i + 1}, ` : "";
    open.push(...unmeasured(cycle.phases, `${prefix}all phases`));
    for (const { phase, ...place } of placesOf(cycle)) {
      const judged = judgePhase(phase, place, budgets);
      const say = (text: string): string => `${prefix}${phase.name}: ${text}`;
      against.push(...judged.against.map(say));
      open.push(...judged.open.map(say));
      findings.push(...judged.findings.map((f) => ({ ...f, message: say(f.message) })));
      disrupted.push({ phase, disruptions: judged.within, cycle: i, beside: place.beside });
    }
  }
  findings.push(...disruptionFindings(disrupted, cycles.length));
  const verdict = verdictOf({ against, open, findings, n: cycles.length });
  const besides = open.map((text) => (against.length === 0 ? text : `not known besides: ${text}`));
  return { verdict, reasons: [...against, ...besides], findings };
}

function verdictOf(of: {
  readonly against: readonly string[];
  readonly open: readonly string[];
  readonly findings: readonly CertificateFinding[];
  readonly n: number;
}): Certification {
  if (of.against.length > 0) return "not certified";
  if (of.open.length > 0 || of.n === 0) return "unknown";
  return of.findings.some((f) => f.grade !== "information") ? "certified with findings" : "certified";
}

/** What was seen in too small a part of the time says nothing about the rest. */
function unmeasured(
  phases: readonly Pick<PhaseRecord, "durationMs" | "measuredMs">[],
  what: string,
): string[] {
  const share = measuredShare(phases);
  if (share >= leastMeasuredShare) return [];
  return [
    phases.length === 0
      ? `${what}: nothing was measured`
      : `${what}: ${(share * 100).toFixed(1)} % of the time was measured, at least ${leastMeasuredShare * 100} % must be`,
  ];
}

interface Outcome {
  readonly against: string[];
  readonly open: string[];
  readonly findings: CertificateFinding[];
}

/** What decides in every phase and in every window of suites, whatever traffic lost. */
function phaseReasons(p: PhaseRecord, { against, open }: Outcome): void {
  if (p.error !== null) against.push(p.error);
  for (const l of p.leaks)
    against.push(
      `policy leak: ${l.packets} packet${l.packets === 1 ? "" : "s"} of ${l.from} reached ${l.to}, ${Math.round(l.afterMs)} ms into the phase, over ${Math.round(l.spanMs)} ms`,
    );
  against.push(...p.changed);
  open.push(...p.harness, ...p.rig, ...(p.unseen ?? []));
  if (p.deniedSent === 0) open.push("no denied request was sent, so a leak could not be seen");
}

function suiteReasons(p: PhaseRecord, before: boolean, { against, open, findings }: Outcome): void {
  for (const s of p.suites) {
    if (s.failures.length + s.accepted.length + s.errors.length + Object.keys(s.tests).length === 0)
      open.push(`${s.name} did not run`);
    // What failed before anything moved is not the upgrade's, and a later failure may have the same cause.
    for (const f of s.failures)
      (before ? open : against).push(
        `${s.name}: ${f}${before ? " (failed before anything moved; `--accept` accepts it)" : ""}`,
      );
    for (const f of s.accepted)
      findings.push({ id: "accepted-failure", grade: "caution", message: `${s.name}: ${f} (accepted)` });
    for (const e of s.errors) open.push(`the harness failed in ${s.name}: ${e}`);
    for (const u of s.unknown ?? []) open.push(`${s.name}: not known (run ${s.run}): ${u}`);
    // Records of earlier versions count them only.
    if (s.unknown === undefined && (s.tests.unknown ?? 0) > 0)
      open.push(`${s.name}: ${s.tests.unknown} unknown (run ${s.run})`);
  }
}

/** What traffic lost over the budgets, and the rest, which is within them. */
function trafficReasons(
  p: PhaseRecord,
  budgets: UpgradeBudgets,
): { readonly reasons: string[]; readonly within: Disruption[]; readonly findings: CertificateFinding[] } {
  const reasons: string[] = [];
  const findings: CertificateFinding[] = [];
  const within: Disruption[] = [];
  for (const whole of p.disruptions) {
    const d = withoutDisturbances(whole);
    if (d !== whole)
      findings.push({
        id: "lost-by-disturbance",
        grade: "information",
        message: `${d.path}: ${whole.lost - d.lost} of ${d.sent} lost by a disturbance that the certification made${causeOf(whole)}`,
      });
    const over = overBudget(d, budgets).map((text) => `${d.path}: ${text}${causeOf(d)}`);
    reasons.push(...over);
    if (over.length === 0) within.push(d);
  }
  return { reasons, within, findings };
}

function overBudget(d: Disruption, budgets: UpgradeBudgets): string[] {
  const reasons: string[] = [];
  if (d.lost > 0 && d.longestGapMs > budgets.upgradeGapMs)
    reasons.push(`${d.longestGapMs} ms without an answer, budget ${budgets.upgradeGapMs} ms`);
  else if (d.lostMs > budgets.upgradeLostMs)
    reasons.push(`${d.lost} of ${d.sent} lost, together ${d.lostMs} ms, budget ${budgets.upgradeLostMs} ms`);
  // Established connections must survive; HTTP clients open another, and a UDP flow is none.
  if (d.kind === "tcp heartbeat" && d.resets > 0)
    reasons.push(`the kept connection ended ${d.resets === 1 ? "once" : `${d.resets} times`}`);
  return reasons;
}

const causeOf = (d: Disruption): string => {
  const worst = d.outages[0];
  return worst === undefined || worst.cause === "" ? "" : ` (${worst.cause})`;
};

/** Exit codes of DESIGN: 'certified with findings' is 0. */
export const exitCodeOfVerdict: Readonly<Record<Certification, number>> = {
  certified: 0,
  "certified with findings": 0,
  "not certified": 1,
  unknown: 3,
};
