import { formatMs } from "#harness/lib/clock.ts";
import type { Certification, PhaseRecord } from "#harness/model/certificate.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import { type DisruptedPhase, disruptionFindings } from "./certification-findings.ts";
import { leastMeasuredShare, measuredShare } from "./measured-time.ts";

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
    const say: Say = (name, text) => `${cycles.length > 1 ? `cycle ${i + 1}, ` : ""}${name}: ${text}`;
    open.push(...unmeasured(cycle).map((text) => (cycles.length > 1 ? `cycle ${i + 1}: ${text}` : text)));
    const moved = firstMoveMs(cycle);
    for (const p of [...cycle.phases, ...cycle.suiteWindows]) {
      const before = p.startMs < moved;
      suiteReasons(p, { say, before, against, open, findings });
      phaseReasons(p, { say, against, open });
    }
    for (const p of cycle.phases) {
      const over = trafficReasons(p, budgets, say);
      // If the test machine was disturbed, an outage cannot be attributed to the upgrade.
      (isSpoiled(p) ? open : against).push(...over.reasons);
      open.push(...unmeasuredPaths(p, say));
      disrupted.push({ phase: p, disruptions: over.within, cycle: i });
    }
    for (const w of cycle.suiteWindows) disrupted.push({ phase: w, disruptions: w.disruptions, cycle: i, beside: true });
  }
  findings.push(...disruptionFindings(disrupted, cycles.length));
  return { verdict: verdictOf({ against, open, findings, n: cycles.length }), reasons: [...against, ...open], findings };
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

type Say = (phase: string, text: string) => string;

const isSpoiled = (p: PhaseRecord): boolean => p.rig.length + p.harness.length > 0;

/** When the first cluster began to move; infinite if none did. */
const firstMoveMs = ({ phases }: JudgedCycle): number =>
  phases.find((p) => p.change !== null)?.startMs ?? Number.POSITIVE_INFINITY;

function unmeasured({ phases }: JudgedCycle): string[] {
  if (phases.length === 0) return ["no phase was measured"];
  const share = measuredShare(phases);
  return share >= leastMeasuredShare
    ? []
    : [
        `${(share * 100).toFixed(1)} % of its phases were measured, at least ${leastMeasuredShare * 100} % must be`,
      ];
}

interface Outcome {
  readonly say: Say;
  readonly against: string[];
  readonly open: string[];
}

/** What decides in every phase and in every window of suites, whatever traffic lost. */
function phaseReasons(p: PhaseRecord, { say, against, open }: Outcome): void {
  const told = (text: string): string => say(p.name, text);
  if (p.error !== null) against.push(told(p.error));
  for (const l of p.leaks)
    against.push(
      told(
        `policy leak: ${l.packets} packet${l.packets === 1 ? "" : "s"} of ${l.from} reached ${l.to}, ${Math.round(l.afterMs)} ms into the phase, over ${Math.round(l.spanMs)} ms`,
      ),
    );
  against.push(...p.changed.map(told));
  open.push(...[...p.harness, ...p.rig, ...(p.unseen ?? [])].map(told));
  if (p.deniedSent === 0) open.push(told("no denied request was sent, so a leak could not be seen"));
}

function suiteReasons(
  p: PhaseRecord,
  of: Outcome & { readonly before: boolean; readonly findings: CertificateFinding[] },
): void {
  const told = (text: string): string => of.say(p.name, text);
  for (const s of p.suites) {
    if (s.failures.length + s.accepted.length + s.errors.length + Object.keys(s.tests).length === 0)
      of.open.push(told(`${s.name} did not run`));
    // What failed before anything moved is not the upgrade's, and nothing can be said about the rest.
    for (const f of s.failures)
      (of.before ? of.open : of.against).push(
        told(`${s.name}: ${f}${of.before ? " (before anything moved; `--accept` accepts it)" : ""}`),
      );
    for (const f of s.accepted)
      of.findings.push({
        id: "accepted-failure",
        grade: "caution",
        message: told(`${s.name}: ${f} (accepted)`),
      });
    for (const e of s.errors) of.open.push(told(`the harness failed in ${s.name}: ${e}`));
    if (s.tests.unknown !== 0 && s.tests.unknown !== undefined)
      of.open.push(told(`${s.name}: ${s.tests.unknown} unknown (run ${s.run})`));
  }
}

function unmeasuredPaths(p: PhaseRecord, say: Say): string[] {
  return p.disruptions.length === 0 || p.disruptions.some((d) => d.sent === 0)
    ? [say(p.name, "a path was not measured")]
    : [];
}

/** What traffic lost over the budgets, and the rest, which is within them. */
function trafficReasons(
  p: PhaseRecord,
  budgets: UpgradeBudgets,
  say: Say,
): { readonly reasons: readonly string[]; readonly within: PhaseRecord["disruptions"] } {
  const reasons: string[] = [];
  const within = p.disruptions.filter((d) => {
    const cause = causeOf(d);
    const told = (text: string): void => void reasons.push(say(p.name, `${d.path}: ${text}${cause}`));
    const before = reasons.length;
    if (d.longestGapMs > budgets.upgradeGapMs)
      told(`${d.longestGapMs} ms without an answer, budget ${budgets.upgradeGapMs} ms`);
    else if (d.lostMs > budgets.upgradeLostMs)
      told(
        `${d.lost} of ${d.sent} lost, together ${formatMs(d.lostMs)}, budget ${formatMs(budgets.upgradeLostMs)}`,
      );
    // Established connections must survive; HTTP clients open another, and a UDP flow is none.
    if (d.kind === "tcp heartbeat" && d.resets > 0) told(`the kept connection ended ${times(d.resets)}`);
    return reasons.length === before;
  });
  return { reasons, within };
}

const causeOf = (d: PhaseRecord["disruptions"][number]): string => {
  const worst = d.outages[0];
  return worst === undefined || worst.cause === "" ? "" : ` (${worst.cause})`;
};

const times = (n: number): string => (n === 1 ? "once" : `${n} times`);

/** Exit codes of DESIGN: 'certified with findings' is 0. */
export const exitCodeOfVerdict: Readonly<Record<Certification, number>> = {
  certified: 0,
  "certified with findings": 0,
  "not certified": 1,
  unknown: 3,
};
