import { mergeValues } from "#harness/config/plan.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { compareCharts } from "./compare-charts.ts";
import { valuesFor } from "./move.ts";
import { artifactsOf, type BothArtifacts, type Side } from "./prepare.ts";

/** Findings from comparing the charts, in both directions, beside those that the journal holds. */
export async function findingsOf(
  journal: CertificationJournal,
  plan: KindLabPlan,
  artifacts: BothArtifacts,
  signal: AbortSignal,
): Promise<CertificationJournal["findings"]> {
  const compare = (from: Side, to: Side): Promise<CertificateFinding[]> =>
    compareAll(plan, (cluster) => compareOf(journal, cluster, { artifacts, from, to, signal }));
  return {
    forth: [...journal.findings.forth, ...(await compare("old", "new"))],
    back: [...journal.findings.back, ...(await compare("new", "old"))],
  };
}

type Cluster = KindLabPlan["clusters"][number];

/** Names the clusters if only some are affected. */
async function compareAll(
  { clusters }: KindLabPlan,
  of: (cluster: Cluster) => Promise<readonly CertificateFinding[]>,
): Promise<CertificateFinding[]> {
  const reported = await Promise.all(clusters.map(of));
  const byMessage = new Map(reported.flat().map((f) => [f.message, f]));
  return [...byMessage.values()].map((finding) => {
    const whose = clusters
      .filter((_, i) => reported[i]?.some((f) => f.message === finding.message))
      .map((c) => c.name);
    return whose.length === clusters.length
      ? finding
      : { ...finding, message: `${whose.join(", ")}: ${finding.message}` };
  });
}

async function compareOf(
  journal: CertificationJournal,
  { name, values, kubernetes }: Cluster,
  move: {
    readonly artifacts: BothArtifacts;
    readonly from: Side;
    readonly to: Side;
    readonly signal: AbortSignal;
  },
): Promise<readonly CertificateFinding[]> {
  const { artifacts, signal } = move;
  const side = (of: Side) => ({
    chartDir: artifactsOf(artifacts, of, name).chartDir,
    values: valuesFor(journal, artifacts, name, of),
  });
  const lines = await compareCharts({
    helm: artifacts.old.tools.helm,
    from: side(move.from),
    to: side(move.to),
    own: move.to === "new" ? mergeValues(values, journal.settings.newValues) : values,
    kubernetes,
    signal,
  });
  return lines.map((message) => ({ id: "setting-changed", grade: "caution", message }));
}
