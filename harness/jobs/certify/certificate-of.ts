import { boundsOf } from "#harness/judge/bounds.ts";
import { certify as judge, leastCycles } from "#harness/judge/certification.ts";
import { mixtureOf } from "#harness/judge/cycles.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import { type CertificateFinding, grades } from "#harness/model/certificate-finding.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";

export interface CertificateOptions {
  readonly direction: Certificate["direction"];
  readonly runId: string;
  readonly command: string;
  /** Cycles of the same runs that are not among these. */
  readonly leftOut: Certificate["leftOut"];
}

/**
 * The certificate of one direction. Every phase of a cycle counts for both: whoever upgrades needs a way back. What the
 * two differ in are versions, findings and bounds.
 */
export function certificateOf(cycles: readonly CycleRecord[], options: CertificateOptions): Certificate {
  const last = found(cycles.at(-1), "cycle of the certificate");
  const { direction, leftOut } = options;
  const isForth = direction === "forth";
  const [from, to] = isForth ? [last.from, last.to] : [last.to, last.from];
  const { budgets } = last;
  const known = [...knownFindings(cycles, direction), ...fewCycles(cycles), ...leftOutFindings(leftOut)];
  const judged = judge(cycles, budgets, known);
  const mixture = mixtureOf(cycles);
  return {
    apiVersion: "meshproof/v2",
    kind: "UpgradeCertificate",
    from,
    to,
    direction,
    order: [...last.order],
    verdict: judged.verdict !== "not certified" && mixture.length > 0 ? "unknown" : judged.verdict,
    reasons: [...judged.reasons, ...mixture],
    findings: [...judged.findings].sort(byGrade),
    bounds: boundsOf(cycles, isForth ? "new" : "old", to),
    ...{ date: last.date, runId: options.runId, command: options.command, harness: last.harness },
    ...{ profile: last.profile, kernel: last.kernel, machine: last.machine },
    ...{ clusters: last.clusters, images: last.images, substitutions: last.substitutions, budgets },
    features: featuresOf(
      cycles.flatMap((c) => c.suiteWindows),
      to,
    ),
    cycles: cycles.map((c, i) => ({ ...summaryOf(c), cycle: i + 1 })),
    leftOut: [...leftOut],
    phases: cycles.flatMap((c, i) => c.phases.map((p) => ({ cycle: i + 1, ...p }))),
    suiteWindows: cycles.flatMap((c, i) => c.suiteWindows.map((w) => ({ cycle: i + 1, ...w }))),
  };
}

const byGrade = (a: CertificateFinding, b: CertificateFinding): number =>
  grades.indexOf(b.grade) - grades.indexOf(a.grade);

function summaryOf(c: CycleRecord): Omit<Certificate["cycles"][number], "cycle"> {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    ...{ runId: c.runId, of: c.cycle, date: c.date, lab: c.lab, order: [...c.order], method: c.method },
    ...{ settingHash: c.settingHash, sourceHash: c.sourceHash, sourceTree: c.sourceTree },
    ...given({ calibrationMs: c.calibrationMs }),
    durationMs: sum([...c.phases, ...c.interruptions].map((p) => p.durationMs)),
    measuredMs: sum(c.phases.map((p) => p.measuredMs)),
    verdict: judge([c], c.budgets, []).verdict,
    interruptions: [...c.interruptions],
  };
}

/** Those of the cycles, each once; cycles of one setting have the same ones. */
function knownFindings(
  cycles: readonly CycleRecord[],
  direction: Certificate["direction"],
): CertificateFinding[] {
  const all = cycles.flatMap((c) => c.findings[direction]);
  const interrupted = cycles.flatMap((c, i) =>
    c.interruptions.map(
      (t): CertificateFinding => ({
        id: "interrupted",
        grade: "information",
        message: `cycle ${i + 1} was interrupted in "${t.phase}", which was repeated; ${Math.round(t.durationMs / 1000)} s were not measured, and what the first attempt lost is not counted`,
      }),
    ),
  );
  return [...new Map([...all, ...interrupted].map((f) => [`${f.id} ${f.message}`, f])).values()];
}

function fewCycles(cycles: readonly CycleRecord[]): CertificateFinding[] {
  const labs = new Set(cycles.map((c) => c.lab)).size;
  if (cycles.length >= leastCycles.cycles && labs >= leastCycles.labs) return [];
  return [
    {
      id: "few-cycles",
      grade: "caution",
      message: `from ${cycles.length} of ${leastCycles.cycles} cycles and ${labs} of ${leastCycles.labs} labs: too few to rely on what was not seen`,
      remedy: `run it with --cycles ${leastCycles.cycles}, or render more cycles together with --from-cycles`,
    },
  ];
}

const leftOutFindings = (leftOut: Certificate["leftOut"]): CertificateFinding[] =>
  leftOut.length === 0
    ? []
    : [
        {
          id: "cycles-left-out",
          grade: "caution",
          message: `${leftOut.length} cycles of the same runs are not in it, because their result is unknown`,
        },
      ];

/**
 * From the last window that ran the most suites in a mesh of the certificate's version, if a cycle got that far; else in
 * any mesh.
 */
export function featuresOf(
  all: readonly Pick<PhaseRecord, "name" | "suites" | "versions">[],
  to: string,
): Certificate["features"] {
  const moved = all.filter((p) => p.suites.length > 0 && Object.values(p.versions).every((v) => v === to));
  const windows = moved.length > 0 ? moved : all;
  const most = Math.max(0, ...windows.map((p) => p.suites.length));
  const phase = windows.findLast((p) => p.suites.length === most);
  const suites = phase?.suites ?? [];
  const clean = (s: PhaseRecord["suites"][number]): boolean =>
    (s.tests.pass ?? 0) > 0 && s.failures.length + s.errors.length === 0 && (s.tests.unknown ?? 0) === 0;
  return {
    phase: most === 0 || phase === undefined ? "none" : phase.name,
    supported: suites.filter(clean).map((s) => s.name),
    unsupported: suites.flatMap((s) => s.unsupported.map((t) => `${s.name}: ${t}`)),
    skipped: suites.flatMap((s) => s.skipped.map((t) => `${s.name}: ${t}`)),
  };
}
