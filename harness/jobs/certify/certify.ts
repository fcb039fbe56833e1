import type { Mesh } from "#harness/cluster/mesh.ts";
import { readValues } from "#harness/config/lab-file.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { freeCapacity } from "#harness/lab/other-labs.ts";
import { removeHeldLab } from "#harness/lab/remove-held-lab.ts";
import { up } from "#harness/lab/up.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { CertificationJournal, UpgradePair } from "#harness/model/certification-journal.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { releaseValues } from "#harness/platform/helm.ts";
import {
  claimCertification,
  forgetCertification,
  readCertification,
  whereItIs,
} from "#harness/state/certification-journal.ts";
import { claimLab, isHeldByThisProcess, readLabState, requireLab } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { chooseSuites, loadSuites } from "#harness/testkit/suite-list.ts";
import { removeStanding } from "#harness/workloads/standing-workload.ts";
import { Certification } from "./certification.ts";
import type { Certified } from "./certified.ts";
import { orderOf } from "./phases.ts";
import { artifactsOfBoth, type BothArtifacts, type Images } from "./prepare.ts";

interface AnyCertification {
  readonly images: Images;
  /** Keep the lab at the end. */
  readonly keep: boolean;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface CertifyOptions extends AnyCertification {
  /** The lab with the old version. */
  readonly plan: KindLabPlan;
  readonly pair: UpgradePair;
  readonly order?: string;
  /** Suites for the first and the last version; if empty, every suite of the lab. */
  readonly suites: readonly string[];
  readonly skipRollback: boolean;
  readonly full: boolean;
  /** Values for the new version only: files, as `--values` accepts them. */
  readonly newValues: readonly string[];
  readonly preflight: boolean;
  /** Time limit for upgrading one cluster; the budget `upgradeMs` by default. */
  readonly deadlineMs?: number;
  readonly runId: string;
  readonly command: string;
}

export interface ResumeOptions extends AnyCertification {
  readonly lab: string;
}

/** Upgrades a lab to another version and rolls it back under traffic, and reports the disruption. */
export async function certify(options: CertifyOptions): Promise<Certified> {
  const { plan, pair, signal, progress } = options;
  const order = orderOf(
    plan.clusters.map((c) => c.name),
    options.order,
  );
  const suites = chooseSuites(await loadSuites(), options.suites, plan).map((s) => s.info.name);
  const interrupted = await readCertification(plan.lab);
  if (interrupted !== undefined)
    throw new MeshproofError("config-conflict", whereItIs(plan.lab, interrupted), {
      remedy: `run \`${meshCommand("certify", "--resume", "--lab", plan.lab)}\` to resume, or \`${meshCommand("down", "--lab", plan.lab)}\` to clean up`,
    });
  const newValues = (
    await Promise.all(options.newValues.map((path) => readValues(path, "--new-values")))
  ).reduce(mergeValues, {});
  const artifacts = await artifactsOfBoth(plan, pair, options.images, { progress, signal });
  return withLab(plan.lab, signal, (held) =>
    certifyUnderLock({ ...options, signal: held }, { order, suites, newValues, artifacts }),
  );
}

async function certifyUnderLock(
  options: CertifyOptions,
  checked: Pick<CertificationJournal["settings"], "order" | "suites" | "newValues"> & {
    readonly artifacts: BothArtifacts;
  },
): Promise<Certified> {
  const { plan, pair, runId, images, keep, progress, signal } = options;
  const { order, suites, newValues, artifacts } = checked;
  await up({ plan, runId, images, keep, transient: !keep, progress, signal });
  return await conclude(options, plan.lab, artifacts, async (mesh) => ({
    version: 1,
    pair,
    settings: {
      order,
      skipRollback: options.skipRollback,
      suites,
      full: options.full,
      newValues,
      preflight: options.preflight,
      deadlineMs: options.deadlineMs ?? plan.budgets.upgradeMs,
    },
    runId,
    command: options.command,
    given: await givenValues(mesh, artifacts, signal),
    findings:
      options.suites.length === 0
        ? []
        : [`as requested, only suites ${suites.join(", ")} ran with the first and the last version`],
    done: [],
    current: "baseline",
    watchedUntilUnixMs: null,
  }));
}

/** Resumes an interrupted certification with its original options. */
export async function resumeCertification(options: ResumeOptions): Promise<Certified> {
  return withLab(options.lab, options.signal, (signal) => resumeUnderLock({ ...options, signal }));
}

async function resumeUnderLock(options: ResumeOptions): Promise<Certified> {
  const { lab, progress, signal } = options;
  const journal = await readCertification(lab);
  if (journal === undefined)
    throw new MeshproofError("usage", `lab ${lab} has no interrupted certification`, {
      remedy: "omit --resume, or name another --lab",
    });
  const state = await readLabState(lab);
  if (state !== undefined) await claimLab(state, options.keep);
  const { plan } = await requireLab(lab);
  await freeCapacity(lab, progress, signal);
  const artifacts = await artifactsOfBoth(plan, journal.pair, options.images, { progress, signal });
  claimCertification(lab);
  options.say(whereItIs(lab, journal));
  return await conclude(options, lab, artifacts, async () => ({
    ...journal,
    findings: [
      ...journal.findings,
      `interrupted in phase "${journal.current}", which was restarted: its first attempt was not measured`,
    ],
  }));
}

async function conclude(
  options: AnyCertification,
  lab: string,
  artifacts: BothArtifacts,
  journalOf: (mesh: Mesh) => Promise<CertificationJournal>,
): Promise<Certified> {
  const { progress, say, signal } = options;
  try {
    const mesh = await openLab(lab, say);
    const journal = await journalOf(mesh);
    const certification = new Certification({
      artifacts,
      state: mesh.state,
      journal,
      progress,
      say,
      signal,
    });
    const certified = await certification.run();
    await forgetCertification(lab);
    // A kept lab is restored to its original state; an error there does not invalidate the certificate.
    if (!(await isHeldByThisProcess(mesh.state)))
      await Promise.all(mesh.clusters.map(removeStanding)).catch((error: unknown) =>
        say(`the workload of the continuous traffic was not removed: ${messageOf(error)}`),
      );
    return certified;
  } finally {
    await removeHeldLab(lab, progress);
  }
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
