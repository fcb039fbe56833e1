import { rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { stringify as toYaml } from "yaml";
import { certify } from "#harness/judge/certification.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import { certificateSchema } from "#harness/model/certificate.ts";
import type { SuiteRecord } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { toJunit } from "#harness/report/junit.ts";

/** `certificate.yaml`, its page, and JUnit with one case per phase; `latest` points at the run. */
export async function writeCertificate(dir: string, certificate: Certificate): Promise<void> {
  certificateSchema.parse(certificate);
  await writeReportFile(join(dir, "certificate.yaml"), toYaml(certificate, { lineWidth: 0 }));
  await writeReportFile(join(dir, "certificate.html"), certificateHtml(certificate));
  await writeReportFile(
    join(dir, "junit.xml"),
    toJunit({
      runId: certificate.runId,
      startedAt: certificate.date,
      suites: [asSuite(certificate)],
      properties: {
        from: certificate.from,
        to: certificate.to,
        verdict: certificate.verdict,
        reproduce: certificate.command,
      },
    }),
  );
  const latest = join(dirname(dir), "latest");
  await rm(latest, { force: true });
  await symlink(basename(dir), latest);
}

function asSuite(c: Certificate): SuiteRecord {
  return {
    name: "certify",
    goal: `Cilium ${c.from} can be upgraded to ${c.to} under traffic.`,
    method:
      "Upgrades one cluster after the other under traffic and rolls back; checks disruption, leaks, state and suites in every phase.",
    errors: [],
    durationMs: c.phases.reduce((sum, p) => sum + p.durationMs, 0),
    tests: c.phases.map((phase) => {
      const { outcome, reasons } = outcomeOf(phase, c.budgets);
      return {
        suite: "certify",
        name: phase.name,
        outcome,
        reasons,
        durationMs: phase.durationMs,
        notes: {},
      };
    }),
  };
}

/** One phase, judged by the same rules as the whole. */
export function outcomeOf(
  phase: PhaseRecord,
  budgets: Certificate["budgets"],
): { outcome: "pass" | "fail" | "unknown"; reasons: readonly string[] } {
  const { verdict, reasons } = certify([phase], budgets, []);
  return {
    outcome: verdict === "not certified" ? "fail" : verdict === "unknown" ? "unknown" : "pass",
    reasons,
  };
}
