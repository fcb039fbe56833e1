import { availableParallelism, totalmem } from "node:os";
import { requireKindPlan } from "#harness/config/plan.ts";
import { wallLabel } from "#harness/lib/clock.ts";
import { found } from "#harness/lib/found.ts";
import { substitutedIn } from "#harness/model/artifacts.ts";
import type { Certificate } from "#harness/model/certificate.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { methodVersion } from "#harness/model/measurement.ts";
import { commitOfCheckout } from "#harness/platform/commit.ts";
import { imageId } from "#harness/platform/docker.ts";
import { kernelRelease } from "#harness/platform/machine.ts";
import type { Source } from "#harness/platform/source.ts";
import { labIdOf } from "./cycle-identity.ts";
import type { BothArtifacts, Side } from "./prepare.ts";

export interface CycleOrigin {
  readonly state: LabState;
  readonly source: Source;
  readonly artifacts: BothArtifacts;
}

/** The record of a cycle that has ended: its journal, and what the lab was made from. */
export async function cycleRecordOf(
  journal: CertificationJournal,
  { state, source, artifacts }: CycleOrigin,
): Promise<CycleRecord> {
  const { pair, settings } = journal;
  const plan = requireKindPlan(state.plan, "a certification");
  // Without an identity it failed before its traffic began.
  const identity = journal.identity ?? {
    lab: labIdOf(state),
    settingHash: "not known",
    sourceHash: source.hash,
    sourceTree: source.tree,
  };
  const { upgradeGapMs, upgradeLostMs } = plan.budgets;
  const { commit = "unknown" } = await commitOfCheckout();
  return {
    schema: 1,
    method: methodVersion,
    ...pair,
    ...{ runId: journal.runId, cycle: journal.cycle, cycles: journal.cycles },
    date: wallLabel(),
    ...identity,
    findings: journal.findings,
    order: [...settings.order],
    command: journal.command,
    harness: commit,
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
    budgets: { upgradeGapMs, upgradeLostMs },
    phases: journal.done,
    suiteWindows: journal.suiteWindows,
    interruptions: journal.interruptions,
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
