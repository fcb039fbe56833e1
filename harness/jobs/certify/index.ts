import { exitCodeOfVerdict } from "#harness/judge/certification.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import { type Grade, reaches } from "#harness/model/certificate-finding.ts";
import type { Certified } from "./certified.ts";
import { outcomeOf } from "./write-certificate.ts";

export type { Certified } from "./certified.ts";
export { certify, certifyFromCycles, resumeCertification } from "./certify.ts";
export { certifyMatrix } from "./matrix.ts";

/** The closing lines of a certification; the last one has the counts of phases. */
export function certificateLines({ certificate: c, reverse, dir }: Certified): string[] {
  const all = [...c.phases, ...c.suiteWindows];
  const failed = all.filter((p) => outcomeOf(p, c).outcome !== "pass").length;
  const cycles = c.cycles.length === 1 ? "1 cycle" : `${c.cycles.length} cycles`;
  return [
    "",
    `Cilium ${c.from} to ${c.to}: ${c.verdict} (${cycles})`,
    ...c.reasons.map((r) => `  against: ${r}`),
    ...c.findings.map((f) => `  ${f.grade}: ${f.message}`),
    ...c.bounds.slice(0, 1).map((b) => `  ${b.text}`),
    `certificate: ${dir}/certificate.html  ${dir}/certificate.yaml`,
    ...(reverse === undefined
      ? []
      : [
          `Cilium ${reverse.from} to ${reverse.to}, from the same cycles: ${reverse.verdict}`,
          `certificate: ${dir}/reverse.html  ${dir}/reverse.yaml`,
        ]),
    `${all.length - failed} passed, ${failed} failed`,
  ];
}

/** The worst exit code; a pair without a certificate is unknown. A finding of the given grade or above is a failure. */
export function certifyExitCode(certificates: readonly (Certificate | undefined)[], failOn?: Grade): number {
  const codes = certificates.map((c) =>
    failOn !== undefined && c?.findings.some((f) => reaches(f, failOn)) === true
      ? 1
      : exitCodeOfVerdict[c?.verdict ?? "unknown"],
  );
  return codes.includes(1) ? 1 : Math.max(...codes);
}
