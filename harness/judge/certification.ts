import type { Certification, PhaseRecord } from "#harness/model/certificate.ts";

export interface Judged {
  readonly verdict: Certification;
  readonly reasons: readonly string[];
  readonly findings: readonly string[];
}

/**
 * The verdict on the upgrade from its phases; the first is the baseline. An upgrade is not certified if any of these
 * occurs: a leaked packet, a test that fails after the baseline, lost persistent state, an outage over the budget, an
 * upgrade that did not complete. Disturbances of the rig and missing measurements make it unknown.
 */
export function certify(
  phases: readonly PhaseRecord[],
  budgets: { readonly upgradeGapMs: number; readonly upgradeLostMs: number },
  known: readonly string[],
): Judged {
  const against: string[] = [];
  const open: string[] = [];
  const findings = [...known];
  for (const p of phases) {
    const say = (text: string): string => `${p.name}: ${text}`;
    if (p.error !== null) against.push(say(p.error));
    for (const l of p.leaks)
      against.push(
        say(
          `policy leak: ${l.packets} packet${l.packets === 1 ? "" : "s"} of ${l.from} reached ${l.to}, ${Math.round(l.afterMs)} ms into the phase, over ${Math.round(l.spanMs)} ms`,
        ),
      );
    for (const s of p.suites) {
      if (s.failures.length + Object.keys(s.tests).length === 0) open.push(say(`${s.name} did not run`));
      // A failure in the baseline is not caused by the upgrade; a later one decides.
      for (const f of s.failures) (p === phases[0] ? findings : against).push(say(`${s.name}: ${f}`));
      if (s.tests.unknown !== 0 && s.tests.unknown !== undefined)
        open.push(say(`${s.name}: ${s.tests.unknown} unknown (run ${s.run})`));
    }
    for (const c of p.changed) against.push(say(c));
    for (const r of [...p.rig, ...(p.unseen ?? [])]) open.push(say(r));
    if (p.disruptions.length === 0 || p.disruptions.some((d) => d.sent === 0))
      open.push(say("a path was not measured"));
    if (p.deniedSent === 0) open.push(say("no denied request was sent, so a leak could not be seen"));
    for (const d of p.disruptions) {
      const worst = d.outages[0];
      const cause = worst === undefined || worst.cause === "" ? "" : ` (${worst.cause})`;
      const before = baselineOf(phases, p, d.path);
      // If the rig was disturbed, an outage cannot be attributed to the upgrade.
      const over = p.rig.length > 0 ? open : against;
      if (d.lost > 0 && d.longestGapMs > budgets.upgradeGapMs)
        over.push(
          say(`${d.path}: ${d.longestGapMs} ms without an answer, budget ${budgets.upgradeGapMs} ms${cause}`),
        );
      else if (d.lostMs > budgets.upgradeLostMs)
        over.push(
          say(
            `${d.path}: ${d.lost} of ${d.sent} lost, together ${d.lostMs} ms, budget ${budgets.upgradeLostMs} ms${cause}${before}`,
          ),
        );
      else if (d.lost > 0)
        findings.push(
          say(`${d.path}: ${d.lost} of ${d.sent} lost, ${d.longestGapMs} ms at most${cause}${before}`),
        );
      if (d.resets === 0) continue;
      const ended = say(`${d.path}: the connection ended ${times(d.resets)}${cause}`);
      // Established connections must survive; HTTP clients open another, and a UDP flow is none.
      (d.kind === "tcp heartbeat" ? against : findings).push(ended);
    }
  }
  const verdict: Certification =
    against.length > 0
      ? "not certified"
      : open.length > 0 || phases.length === 0
        ? "unknown"
        : findings.length > 0
          ? "certified with findings"
          : "certified";
  return { verdict, reasons: [...against, ...open], findings };
}

/** What the same path lost in the baseline. */
function baselineOf(phases: readonly PhaseRecord[], phase: PhaseRecord, path: string): string {
  const [first] = phases;
  if (first === undefined || first === phase) return "";
  const quiet = first.disruptions.find((d) => d.path === path);
  return quiet === undefined || quiet.lost === 0 ? "" : `; in ${first.name} ${quiet.lost} of ${quiet.sent}`;
}

const times = (n: number): string => (n === 1 ? "once" : `${n} times`);

/** Exit codes of DESIGN: 'certified with findings' is 0. */
export const exitCodeOfVerdict: Readonly<Record<Certification, number>> = {
  certified: 0,
  "certified with findings": 0,
  "not certified": 1,
  unknown: 3,
};
