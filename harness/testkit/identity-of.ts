import type { Mesh } from "#harness/cluster/mesh.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { settingRecordOf, summaryOf } from "#harness/measure/setting.ts";
import type { Application } from "#harness/model/application.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { type SettingRecord, settingHashOf } from "#harness/model/setting.ts";
import { reachesRealTime } from "#harness/platform/priority.ts";
import { type Source, sourceOf } from "#harness/platform/source.ts";
import type { EchoBackends } from "#harness/workloads/echo-service.ts";

/** What a measurement was made with and in: only equal ones are pooled, and only some of them are published. */
export type MeasurementIdentity = Required<
  Pick<
    Measurement,
    | "setting"
    | "settingHash"
    | "settingRecord"
    | "sourceHash"
    | "sourceTree"
    | "tuned"
    | "application"
    | "lab"
  >
> &
  Pick<Measurement, "calibrationMs">;

export interface IdentityOptions {
  readonly mesh: Mesh;
  readonly echo: Pick<EchoBackends, "settingOf">;
  readonly application: Application;
  readonly probeIntervalFactor: number;
  /** As it was reached; without it, as it is expected of this machine and lab. */
  readonly realTime?: SettingRecord["realTime"];
  readonly signal: AbortSignal;
}

let realTime: Promise<boolean> | undefined;
let source: Promise<Source> | undefined;

export async function identityOf(options: IdentityOptions): Promise<MeasurementIdentity> {
  const { mesh, echo, application, probeIntervalFactor, signal } = options;
  source ??= sourceOf();
  const { hash: sourceHash, tree: sourceTree } = await source;
  const settingRecord = await settingRecordOf(
    mesh,
    {
      workload: echo.settingOf(application),
      realTime: options.realTime ?? (await expectedRealTime(mesh)),
      probeIntervalFactor,
    },
    signal,
  );
  const { state } = mesh;
  return {
    setting: summaryOf(settingRecord),
    settingHash: settingHashOf(settingRecord),
    settingRecord,
    sourceHash,
    sourceTree,
    tuned: state.plan.tuning === "tuned",
    application,
    lab: labOf(state),
    ...(state.calibration === undefined ? {} : { calibrationMs: state.calibration.medianMs }),
  };
}

/** Processes in pods of this machine's containers only. */
async function expectedRealTime({ clusters, state }: Mesh): Promise<SettingRecord["realTime"]> {
  realTime ??= reachesRealTime();
  const probers = (await realTime) && clusters.every((c) => c.capabilities.nodesAreLocal);
  return { probers, backends: probers && state.plan.tuning === "tuned" };
}

/** A lab that was created again is another lab; external clusters stay the same ones. */
function labOf({ lab, plan, runId }: LabState): string {
  return isKindPlan(plan) ? `${lab} ${runId}` : [lab, ...plan.clusters.map((c) => c.name)].join(" ");
}
