import { availableParallelism, totalmem } from "node:os";
import { certify as judge } from "#harness/judge/certification.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import { substitutedIn } from "#harness/model/artifacts.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { output } from "#harness/platform/command.ts";
import { imageId } from "#harness/platform/docker.ts";
import { kernelRelease } from "#harness/platform/machine.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import type { BothArtifacts, Side } from "./prepare.ts";

/** Builds the certificate from the journal. */
export async function describeCertificate(
  { pair, settings, runId, command, done, findings }: CertificationJournal,
  plan: KindLabPlan,
  artifacts: BothArtifacts,
): Promise<Certificate> {
  const { upgradeGapMs, upgradeLostMs } = plan.budgets;
  const budgets = { upgradeGapMs, upgradeLostMs };
  const judged = judge(done, budgets, findings);
  return {
    apiVersion: "meshproof/v1",
    kind: "UpgradeCertificate",
    ...pair,
    order: [...settings.order],
    verdict: judged.verdict,
    reasons: [...judged.reasons],
    findings: [...judged.findings],
    date: wallLabel(),
    runId,
    command,
    harness: (
      await output("git", ["-C", repoRoot(), "rev-parse", "--short", "HEAD"]).catch(() => "unknown")
    ).trim(),
    profile: plan.profile,
    kernel: kernelRelease(),
    machine: `${availableParallelism()} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    clusters: plan.clusters.map((c) => {
      const { nodeImage, nodeImageId } = found(
        artifacts.old.clusters[c.name],
        `cluster ${c.name} in the artifacts`,
      );
      const nodes = c.kindConfig.nodes.map((n) => n.role);
      return { name: c.name, id: c.id, kubernetes: c.kubernetes, nodes, nodeImage, nodeImageId };
    }),
    images: [
      ...(await imagesOf(artifacts, "old", pair.from)),
      ...(await imagesOf(artifacts, "new", pair.to)),
    ],
    substitutions: substitutedIn([...artifacts.old.provenance, ...artifacts.new.provenance]),
    budgets,
    features: featuresOf(done),
    phases: [...done],
  };
}

/** From the last phase that ran the most suites: with the new version, if the certification got that far. */
export function featuresOf(phases: readonly PhaseRecord[]): Certificate["features"] {
  const most = Math.max(0, ...phases.map((p) => p.suites.length));
  const phase = phases.findLast((p) => p.suites.length === most);
  const suites = phase?.suites ?? [];
  const clean = (s: PhaseRecord["suites"][number]): boolean =>
    (s.tests.pass ?? 0) > 0 && s.failures.length === 0 && (s.tests.unknown ?? 0) === 0;
  return {
    phase: most === 0 || phase === undefined ? "none" : phase.name,
    supported: suites.filter(clean).map((s) => s.name),
    unsupported: suites.flatMap((s) => s.unsupported.map((t) => `${s.name}: ${t}`)),
    skipped: suites.flatMap((s) => s.skipped.map((t) => `${s.name}: ${t}`)),
  };
}

/** Images by digest, of the daemon or the registry. */
async function imagesOf(both: BothArtifacts, side: Side, version: string): Promise<Certificate["images"]> {
  const artifacts = both[side];
  const any = found(Object.values(artifacts.clusters)[0], `cluster in the artifacts of Cilium ${version}`);
  if (any.ciliumImages.length === 0)
    return artifacts.provenance
      .filter((p) => p.version === version)
      .map((p) => ({ version, reference: p.name, id: p.sum }));
  return Promise.all(
    any.ciliumImages.map(async (reference) => ({
      version,
      reference,
      id: (await imageId(reference)) ?? "gone",
    })),
  );
}
