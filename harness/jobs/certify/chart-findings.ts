import type { Mesh } from "#harness/cluster/mesh.ts";
import { mergeValues, requireKindPlan } from "#harness/config/plan.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { type Charts, compareCharts, requireNewValues } from "./compare-charts.ts";
import { crdPreflight, meshCrds } from "./crd-preflight.ts";
import { valuesFor } from "./move.ts";
import { artifactsOf, type BothArtifacts, type Side } from "./prepare.ts";

/**
 * What is known before anything moves: from the charts in both directions, and from the CRDs. Throws `config-invalid` for
 * values that a chart refuses or ignores, and `config-conflict` for CRDs that allow no way there or no way back.
 */
export async function findingsBefore(
  journal: CertificationJournal,
  mesh: Mesh,
  artifacts: BothArtifacts,
  signal: AbortSignal,
): Promise<CertificationJournal["findings"]> {
  const plan = requireKindPlan(mesh.state.plan, "a certification");
  const compare = (from: Side, to: Side): Promise<CertificateFinding[]> =>
    compareAll(plan, async (cluster) => {
      const charts = chartsOf(journal, cluster, { artifacts, from, to, signal });
      if (to === "new") await requireNewValues(charts, cluster.name);
      return compareCharts(charts);
    });
  const { pair, settings } = journal;
  const crds = crdPreflight(await meshCrds(mesh.clusters), pair, { rollsBack: !settings.skipRollback });
  return {
    forth: [...journal.findings.forth, ...(await compare("old", "new")), ...crds],
    back: [...journal.findings.back, ...(settings.skipRollback ? [] : await compare("new", "old"))],
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

function chartsOf(
  journal: CertificationJournal,
  { name, values, kubernetes }: Cluster,
  move: {
    readonly artifacts: BothArtifacts;
    readonly from: Side;
    readonly to: Side;
    readonly signal: AbortSignal;
  },
): Charts {
  const { artifacts, signal } = move;
  const side = (of: Side) => ({
    chartDir: artifactsOf(artifacts, of, name).chartDir,
    values: valuesFor(journal, artifacts, name, of),
  });
  return {
    helm: artifacts.old.tools.helm,
    from: side(move.from),
    to: side(move.to),
    own: move.to === "new" ? mergeValues(values, journal.settings.newValues) : values,
    kubernetes,
    signal,
  };
}
