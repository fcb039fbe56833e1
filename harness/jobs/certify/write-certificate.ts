import { rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isMap, parseDocument, stringify, visit } from "yaml";
import { judgePhase, placesOf } from "#harness/judge/certification.ts";
import { found } from "#harness/lib/found.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import { certificateSchema } from "#harness/model/certificate.ts";
import type { SuiteRecord } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { redactionLines, redactionsIn } from "#harness/platform/report-redactions.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { toJunit } from "#harness/report/junit.ts";
import { certificateOf } from "./certificate-of.ts";
import type { Certified } from "./certified.ts";
import type { ReadCycles } from "./cycle-files.ts";

export interface WriteOptions {
  readonly dir: string;
  readonly runId: string;
  readonly command: string;
  readonly say: (line: string) => void;
}

/** Renders both directions of some cycles: `certificate.yaml` and its page, `reverse.yaml` and its page. */
export async function writeCertificates(
  { cycles, leftOut }: ReadCycles,
  { dir, say, ...options }: WriteOptions,
): Promise<Certified> {
  const certificate = certificateOf(cycles, { ...options, leftOut, direction: "forth" });
  const movedBack = certificate.phases.some((p) => p.change?.to === "old");
  const reverse = movedBack ? certificateOf(cycles, { ...options, leftOut, direction: "back" }) : undefined;
  await writeCertificate(dir, certificate);
  if (reverse !== undefined) await writeFiles(dir, "reverse", reverse);
  for (const line of redactionLines(await redactionsIn(dir))) say(line);
  return { certificate, dir, ...(reverse === undefined ? {} : { reverse }) };
}

/** `certificate.yaml`, its page, and JUnit with one case per phase; `latest` points at the run. */
export async function writeCertificate(dir: string, certificate: Certificate): Promise<void> {
  await writeFiles(dir, "certificate", certificate);
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

async function writeFiles(dir: string, name: string, certificate: Certificate): Promise<void> {
  certificateSchema.parse(certificate);
  await writeReportFile(join(dir, `${name}.yaml`), certificateYaml(certificate));
  await writeReportFile(join(dir, `${name}.html`), certificateHtml(certificate));
}

/** One line for each path, event and leak: there are thousands. */
export function certificateYaml(certificate: Certificate): string {
  const document = parseDocument(stringify(certificate));
  const oneLine = new Set(["disruptions", "events", "leaks", "interruptions"]);
  visit(document, {
    Pair(_, { key, value }) {
      if (!oneLine.has(String(key)) || value === null || typeof value !== "object" || !("items" in value))
        return;
      for (const item of value.items as unknown[]) if (isMap(item)) item.flow = true;
    },
  });
  return document.toString({ lineWidth: 0 });
}

function asSuite(c: Certificate): SuiteRecord {
  const cases = [...c.phases, ...c.suiteWindows].sort((a, b) => a.cycle - b.cycle || a.startMs - b.startMs);
  return {
    name: "certify",
    goal: `Cilium ${c.from} can be upgraded to ${c.to} under traffic.`,
    method:
      "Upgrades one cluster after the other under traffic and moves them back, in both orders and in several labs; checks disruption, leaks and state in every phase, and suites in windows of their own.",
    errors: [],
    durationMs: cases.reduce((sum, p) => sum + p.durationMs, 0),
    tests: cases.map((phase) => {
      const { outcome, reasons } = outcomeOf(phase, c);
      return {
        suite: "certify",
        name: c.cycles.length > 1 ? `cycle ${phase.cycle}, ${phase.name}` : phase.name,
        outcome,
        reasons: [...reasons],
        durationMs: phase.durationMs,
        notes: {},
      };
    }),
  };
}

/** One phase, judged by the same rules as the whole. */
export function outcomeOf(
  phase: PhaseRecord & { readonly cycle: number },
  { budgets, phases, suiteWindows }: Pick<Certificate, "budgets" | "phases" | "suiteWindows">,
): { outcome: "pass" | "fail" | "unknown"; reasons: readonly string[] } {
  const ofCycle = { phases: phases.filter(isOf(phase)), suiteWindows: suiteWindows.filter(isOf(phase)) };
  const place = found(
    placesOf(ofCycle).find((p) => p.phase.name === phase.name),
    `phase ${phase.name} of cycle ${phase.cycle}`,
  );
  const { against, open } = judgePhase(phase, place, budgets);
  return {
    outcome: against.length > 0 ? "fail" : open.length > 0 ? "unknown" : "pass",
    reasons: [...against, ...open],
  };
}

const isOf =
  ({ cycle }: { readonly cycle: number }) =>
  (other: { readonly cycle: number }): boolean =>
    other.cycle === cycle;
