import { rm } from "node:fs/promises";
import { join } from "node:path";
import { kindNodes } from "#harness/cluster/kind/kind-node.ts";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { requireKindPlan } from "#harness/config/plan.ts";
import { certify as judge } from "#harness/judge/certification.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { CertificateFinding } from "#harness/model/certificate-finding.ts";
import type { CycleRecord } from "#harness/model/certification-cycle.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { CertificationProgress } from "#harness/model/certification-progress.ts";
import { releaseValues } from "#harness/platform/helm.ts";
import type { Source } from "#harness/platform/source.ts";
import {
  claimCertification,
  forgetCertification,
  hasCertification,
  readCertification,
  whereItIs,
} from "#harness/state/certification-journal.ts";
import { forgetProgress, writeProgress } from "#harness/state/certification-progress.ts";
import { claimLab, isHeldByThisProcess, readLabState } from "#harness/state/lab.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { removeStanding } from "#harness/workloads/standing-workload.ts";
import type { Certified } from "./certified.ts";
import { Cycle } from "./cycle.ts";
import { cycleDir, cyclesOfRun, writeCycle } from "./cycle-files.ts";
import { cycleRecordOf } from "./cycle-record.ts";
import { labCycle } from "./lab-cycle.ts";
import type { BothArtifacts, Images } from "./prepare.ts";
import { writeCertificates } from "./write-certificate.ts";

export interface CertificationContext {
  readonly images: Images;
  readonly artifacts: BothArtifacts;
  readonly source: Source;
  /** Keep the last lab at the end. */
  readonly keep: boolean;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs what is missing, each cycle in a lab of its own, and renders the certificates. Call it under the lab's lock. */
export async function runCycles(
  context: CertificationContext,
  begun: CertificationProgress,
  interrupted?: CertificationJournal,
): Promise<Certified> {
  const { say } = context;
  const { lab, runId, command, cycles } = begun;
  const dir = join(reportsDir(), runId);
  const records = cyclesOfRun(dir).filter((r) => r.cycle < begun.current);
  requireSameSource(records, begun, context.source);
  try {
    for (let cycle = begun.current; cycle <= cycles; cycle++) {
      await writeProgress({ ...begun, current: cycle });
      if (cycles > 1) say(`cycle ${cycle} of ${cycles}`);
      const record = await oneCycle(
        context,
        { ...begun, current: cycle },
        cycle === begun.current ? interrupted : undefined,
      );
      records.push(record);
      if (judge([record], record.budgets, []).verdict !== "not certified") continue;
      if (cycle < cycles)
        say(`  cycle ${cycle} is not certified, which no other cycle can change: no more are run`);
      break;
    }
  } catch (error) {
    // Nothing that could be resumed is left.
    if (records.length === 0 && !(await hasCertification(lab))) await forgetProgress(lab);
    throw error;
  }
  const certified = await writeCertificates({ cycles: records, leftOut: [] }, { dir, runId, command, say });
  await forgetProgress(lab);
  return certified;
}

/** Cycles of different sources could not be one certificate, which would show only hours later. */
function requireSameSource(
  records: readonly Pick<CycleRecord, "sourceHash" | "cycle">[],
  { lab }: CertificationProgress,
  source: Source,
): void {
  const other = records.find((r) => r.sourceHash !== source.hash);
  if (other === undefined) return;
  throw new MeshproofError(
    "config-conflict",
    `cycle ${other.cycle} was measured with other sources of Meshproof (hash ${other.sourceHash}; now ${source.hash})`,
    { remedy: `restore them, or run \`${meshCommand("down", "--lab", lab)}\` and certify again` },
  );
}

async function oneCycle(
  context: CertificationContext,
  begun: CertificationProgress,
  interrupted: CertificationJournal | undefined,
): Promise<CycleRecord> {
  const { images, artifacts, source, progress, say, signal } = context;
  const { lab, runId, current } = begun;
  const plan = requireKindPlan(begun.plan, "a certification");
  const keep = context.keep && current === begun.cycles;
  const dir = cycleDir(join(reportsDir(), runId), current);
  if (interrupted === undefined) {
    await up({ plan, runId: newRunId(), images, keep, transient: !keep, progress, signal });
    // Of an attempt whose lab is gone.
    await rm(dir, { recursive: true, force: true });
  }
  try {
    const mesh = await openLab(lab, say);
    const journal = interrupted ?? (await newJournal(mesh, context, begun));
    const world = await labCycle(mesh.state, { ...context, dir });
    const ended = await new Cycle({ world, journal, progress, say, signal }).run();
    const record = await cycleRecordOf(ended, { state: mesh.state, source, artifacts });
    await writeCycle(dir, record);
    await forgetCertification(lab);
    // A kept lab is restored to its original state; an error there does not invalidate the certificate.
    if (!(await isHeldByThisProcess(mesh.state)))
      await Promise.all(mesh.clusters.map(removeStanding)).catch((error: unknown) =>
        say(`the workload of the continuous traffic was not removed: ${messageOf(error)}`),
      );
    return record;
  } finally {
    await removeHeldLab(lab, progress);
  }
}

async function newJournal(
  mesh: Mesh,
  { artifacts, signal }: CertificationContext,
  { pair, settings, runId, command, cycles, current }: CertificationProgress,
): Promise<CertificationJournal> {
  const asked: CertificateFinding[] =
    settings.suites.length === 0
      ? []
      : [
          {
            id: "suites-run",
            grade: "information",
            message: `suites with the first and the last version: ${settings.suites.join(", ")}`,
          },
        ];
  return {
    version: 3,
    ...{ pair, settings, runId, command, cycles, cycle: current },
    identity: null,
    startedAtUnixMs: null,
    ...{ beginning: null, differing: [] },
    given: await givenValues(mesh, artifacts, signal),
    findings: { forth: asked, back: asked },
    ...{ done: [], suiteWindows: [], interruptions: [] },
    current: "baseline",
    recordedUntilUnixMs: null,
    watchedUntilUnixMs: null,
  };
}

/** The Helm values of each cluster's release before the upgrade. */
async function givenValues(
  mesh: Mesh,
  artifacts: BothArtifacts,
  signal: AbortSignal,
): Promise<CertificationJournal["given"]> {
  const { helm } = artifacts.old.tools;
  const entries = mesh.clusters.map(
    async ({ name, kubeconfig }) => [name, await releaseValues({ helm, kubeconfig, signal })] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/**
 * The journal of the interrupted cycle if its lab still stands; undefined if the cycle must begin anew. Call it under
 * the lab's lock.
 */
export async function interruptedCycle(
  { lab, current, cycles, runId }: CertificationProgress,
  { keep, say }: Pick<CertificationContext, "keep" | "say">,
): Promise<CertificationJournal | undefined> {
  const journal = await readCertification(lab);
  const state = await readLabState(lab);
  const belongs = journal?.runId === runId && journal.cycle === current;
  if (journal !== undefined && belongs && state !== undefined && (await stands(state))) {
    await claimLab(state, keep && current === cycles);
    claimCertification(lab);
    say(whereItIs(lab, journal));
    return journal;
  }
  say(`lab ${lab} of cycle ${current} of ${cycles} no longer stands: the cycle begins anew in a fresh lab`);
  await forgetCertification(lab);
  return undefined;
}

/** Whether every node of a lab runs. */
async function stands(state: NonNullable<Awaited<ReturnType<typeof readLabState>>>): Promise<boolean> {
  if (state.phase !== "up") return false;
  const { clusters } = requireKindPlan(state.plan, "a certification");
  const nodes = (await Promise.all(clusters.map((c) => kindNodes(state.lab, c.name)))).flat();
  const expected = clusters.reduce((sum, c) => sum + c.kindConfig.nodes.length, 0);
  return nodes.length === expected && nodes.every((n) => n.running);
}
