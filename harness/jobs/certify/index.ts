import { exitCodeOfVerdict } from "#harness/judge/certification.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import type { Certified } from "./certified.ts";
import { outcomeOf } from "./write-certificate.ts";

export type { Certified } from "./certified.ts";
export { certify, resumeCertification } from "./certify.ts";
export { certifyMatrix } from "./matrix.ts";

/** The closing lines of a certification; the last one has the counts of phases. */
export function certificateLines({ certificate: c, dir }: Certified): string[] {
  const failed = c.phases.filter((p) => outcomeOf(p, c.budgets).outcome !== "pass").length;
  return [
    "",
    `Cilium ${c.from} to ${c.to}: ${c.verdict}`,
    ...c.reasons.map((r) => `  against: ${r}`),
    ...c.findings.map((f) => `  finding: ${f}`),
    `certificate: ${dir}/certificate.html  ${dir}/certificate.yaml`,
    `${c.phases.length - failed} passed, ${failed} failed`,
  ];
}

/** The worst exit code; a pair without a certificate is unknown. */
export function certifyExitCode(certificates: readonly (Certificate | undefined)[]): number {
  const codes = certificates.map((c) => exitCodeOfVerdict[c?.verdict ?? "unknown"]);
  return codes.includes(1) ? 1 : Math.max(...codes);
}
