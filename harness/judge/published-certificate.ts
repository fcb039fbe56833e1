import { found } from "#harness/lib/found.ts";
import { type Certificate, leastMeasuredShare } from "#harness/model/certificate.ts";
import { methodVersion } from "#harness/model/measurement.ts";
import { boundsOf } from "./bounds.ts";
import { certify, leastCycles } from "./certification.ts";
import { measuredShare } from "./measured-time.ts";

/** What must hold of a certificate before somebody relies on it. */
export const certificateRules = [
  "cycles",
  "labs",
  "measured share",
  "harness errors",
  "setting",
  "sources",
  "method",
  "findings",
  "verdict",
  "bounds",
] as const;

export interface CertificateViolation {
  readonly rule: (typeof certificateRules)[number];
  readonly what: string;
}

/** Breaches of the rules by a certificate that is published, or is to be. What it states is judged again from its data. */
export function certificateViolations(c: Certificate): CertificateViolation[] {
  return [
    ...sampleViolations(c),
    ...phaseViolations(c),
    ...provenanceViolations(c),
    ...statementViolations(c),
  ];
}

function sampleViolations({ cycles }: Certificate): CertificateViolation[] {
  const labs = new Set(cycles.map((x) => x.lab)).size;
  return [
    ...breach(
      "cycles",
      cycles.length < leastCycles.cycles,
      `${cycles.length} of at least ${leastCycles.cycles}`,
    ),
    ...breach("labs", labs < leastCycles.labs, `${labs} of at least ${leastCycles.labs}`),
    ...breach("labs", labs < cycles.length, `${cycles.length} cycles are from ${labs} labs`),
  ];
}

function phaseViolations(c: Certificate): CertificateViolation[] {
  return c.cycles.flatMap(({ cycle, interruptions, durationMs, measuredMs }) => {
    const phases = c.phases.filter((p) => p.cycle === cycle);
    const windows = c.suiteWindows.filter((p) => p.cycle === cycle);
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const share = measuredShare(phases, interruptions);
    const stated =
      sum([...phases, ...interruptions].map((p) => p.durationMs)) === durationMs &&
      sum(phases.map((p) => p.measuredMs)) === measuredMs;
    return [
      ...breach("measured share", phases.length === 0, `cycle ${cycle} has no phase`),
      ...breach(
        "measured share",
        share < leastMeasuredShare,
        `cycle ${cycle}: ${(share * 100).toFixed(1)} %`,
      ),
      ...breach("measured share", !stated, `cycle ${cycle}: its times are not those of its phases`),
      ...phases
        .filter((p) => p.measuredMs > p.durationMs)
        .map((p) =>
          breachOf("measured share", `cycle ${cycle}, ${p.name}: more was measured than there was`),
        ),
      ...phases
        .filter((p) => p.change !== null && measuredShare([p]) < leastMeasuredShare)
        .map((p) =>
          breachOf("measured share", `cycle ${cycle}, ${p.name}: ${(measuredShare([p]) * 100).toFixed(1)} %`),
        ),
      ...[...phases, ...windows].flatMap((p) =>
        [...p.harness, ...p.suites.flatMap((s) => s.errors)].map((e) =>
          breachOf("harness errors", `cycle ${cycle}, ${p.name}: ${e}`),
        ),
      ),
    ];
  });
}

function provenanceViolations({ cycles }: Certificate): CertificateViolation[] {
  const distinct = (of: (x: Certificate["cycles"][number]) => unknown): number =>
    new Set(cycles.map(of)).size;
  const missing = (hash: string): boolean => !/^[0-9a-f]{16}$/.test(hash);
  return [
    ...breach(
      "setting",
      cycles.some((x) => missing(x.settingHash)),
      "a cycle has no hash of its setting",
    ),
    ...breach("setting", distinct((x) => x.settingHash) > 1, "the cycles have several settings"),
    ...breach(
      "sources",
      cycles.some((x) => missing(x.sourceHash)),
      "a cycle has no hash of its sources",
    ),
    ...breach("sources", distinct((x) => x.sourceHash) > 1, "the cycles were measured with several sources"),
    ...breach(
      "sources",
      cycles.some((x) => x.sourceTree !== "clean"),
      "the sources were not as committed",
    ),
    ...breach(
      "method",
      cycles.some((x) => x.method !== methodVersion),
      `not by method ${methodVersion}`,
    ),
  ];
}

/** What the page says must follow from the phases in the same file. */
function statementViolations(c: Certificate): CertificateViolation[] {
  const cycles = c.cycles.map(({ cycle, interruptions, lab }) => ({
    lab,
    interruptions,
    phases: c.phases.filter((p) => p.cycle === cycle),
    suiteWindows: c.suiteWindows.filter((p) => p.cycle === cycle),
  }));
  const judged = certify(cycles, c.budgets, c.findings);
  const told = new Set(c.findings.map((f) => `${f.id} ${f.message}`));
  const bounds = boundsOf(cycles, c.direction === "forth" ? "new" : "old", c.to);
  return [
    ...breach("verdict", judged.verdict !== c.verdict, `"${c.verdict}", by its phases "${judged.verdict}"`),
    ...breach("verdict", c.verdict === "unknown", "an unknown result is published"),
    ...judged.reasons
      .filter((r) => !c.reasons.includes(r))
      .map((r) => breachOf("verdict", `not among its reasons: ${r}`)),
    ...judged.findings
      .filter((f) => !told.has(`${f.id} ${f.message}`))
      .map((f) => breachOf("findings", `not among its findings: ${f.message}`)),
    ...c.findings
      .filter((f) => f.id === "" || f.message === "")
      .map(() => breachOf("findings", "a finding has no id or no message")),
    ...breach("bounds", JSON.stringify(bounds) !== JSON.stringify(c.bounds), boundsText(bounds)),
  ];
}

const boundsText = (bounds: Certificate["bounds"]): string =>
  bounds.length === 0 ? "no move was completed" : `they should read: ${found(bounds[0], "bound").text}`;

const breachOf = (rule: CertificateViolation["rule"], what: string): CertificateViolation => ({ rule, what });

const breach = (
  rule: CertificateViolation["rule"],
  isBroken: boolean,
  what: string,
): CertificateViolation[] => (isBroken ? [breachOf(rule, what)] : []);
