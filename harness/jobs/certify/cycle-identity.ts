import type { Mesh } from "#harness/cluster/mesh.ts";
import { hashOf } from "#harness/lib/canonical-json.ts";
import { componentsOf, settingRecordOf } from "#harness/measure/setting.ts";
import type { CycleSetting } from "#harness/model/certification-cycle.ts";
import type { CertificationSettings, CycleIdentity } from "#harness/model/certification-journal.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import type { WorkloadSetting } from "#harness/model/setting.ts";
import { reachesRealTime } from "#harness/platform/priority.ts";
import { type Source, sourceOf } from "#harness/platform/source.ts";
import type { BothArtifacts } from "./prepare.ts";

/** Folders that can affect a certificate and no measurement of a suite. */
const certifying = ["harness/jobs/certify"] as const;

/** The sources that can affect a certificate. */
export const certifyingSource = (): Promise<Source> => sourceOf(undefined, certifying);

/** A lab that was created again is another lab. */
export const labIdOf = ({ lab, runId }: Pick<LabState, "lab" | "runId">): string => `${lab} ${runId}`;

export interface IdentityOptions {
  /** With the old version in every cluster. */
  readonly mesh: Mesh;
  readonly artifacts: BothArtifacts;
  readonly settings: CertificationSettings;
  readonly workload: WorkloadSetting;
  readonly source: Source;
  readonly signal: AbortSignal;
}

/** What a cycle is made with and in. */
export async function cycleIdentityOf(options: IdentityOptions): Promise<CycleIdentity> {
  const { mesh, artifacts, settings, workload, source, signal } = options;
  const { state } = mesh;
  const realTime = await reachesRealTime();
  const setting: CycleSetting = {
    lab: await settingRecordOf(
      mesh,
      {
        workload,
        realTime: { probers: realTime, backends: realTime && state.plan.tuning === "tuned" },
        probeIntervalFactor: 1,
      },
      signal,
    ),
    newValues: hashOf(settings.newValues),
    newComponents: componentsOf(artifacts.new.provenance),
    order: [...settings.order],
    bothOrders: settings.bothOrders,
    skipRollback: settings.skipRollback,
    disturb: settings.disturb,
    deadlineMs: settings.deadlineMs,
  };
  return {
    lab: labIdOf(state),
    setting,
    settingHash: hashOf(setting),
    sourceHash: source.hash,
    sourceTree: source.tree,
    ...(state.calibration === undefined ? {} : { calibrationMs: state.calibration.medianMs }),
  };
}
