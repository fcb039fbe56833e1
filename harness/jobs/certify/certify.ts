import { join } from "node:path";
import { readValues } from "#harness/config/lab-file.ts";
import { mergeValues } from "#harness/config/plan.ts";
import { freeCapacity, isDisposable } from "#harness/lab/other-labs.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import type { CertificationSettings, UpgradePair } from "#harness/model/certification-journal.ts";
import type { CertificationProgress } from "#harness/model/certification-progress.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { readCertification, whereItIs } from "#harness/state/certification-journal.ts";
import { readProgress, writeProgress } from "#harness/state/certification-progress.ts";
import { readLabState } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { chooseSuites, loadSuites } from "#harness/testkit/suite-list.ts";
import { knownDefects } from "../final-verdict.ts";
import type { Certified } from "./certified.ts";
import { readCycles } from "./cycle-files.ts";
import { certifyingSource } from "./cycle-identity.ts";
import { orderOf } from "./phases.ts";
import { artifactsOfBoth } from "./prepare.ts";
import { type CertificationContext, interruptedCycle, runCycles } from "./run-cycles.ts";
import { writeCertificates } from "./write-certificate.ts";

type AnyCertification = Pick<CertificationContext, "images" | "keep" | "progress" | "say" | "signal">;

export interface CertifyOptions extends AnyCertification {
  /** The lab with the old version. */
  readonly plan: KindLabPlan;
  readonly pair: UpgradePair;
  /** How many cycles, each in a lab of its own. */
  readonly cycles: number;
  /** Only this order; both orders of the lab file's clusters by default. */
  readonly order?: string;
  /** Suites for the first and the last version; if empty, every suite of the lab. */
  readonly suites: readonly string[];
  readonly skipRollback: boolean;
  readonly full: boolean;
  /** Values for the new version only: files, as `--values` accepts them. */
  readonly newValues: readonly string[];
  readonly preflight: boolean;
  /** Disturb upgrades on purpose. */
  readonly disturb: boolean;
  /** Failures of tests that count as none. */
  readonly accept: readonly string[];
  /** Time limit for upgrading one cluster; the budget `upgradeMs` by default. */
  readonly deadlineMs?: number;
  readonly runId: string;
  readonly command: string;
}

export interface ResumeOptions extends AnyCertification {
  readonly lab: string;
}

/** Upgrades labs to another version and moves them back under traffic, and reports the disruption. */
export async function certify(options: CertifyOptions): Promise<Certified> {
  const { plan, pair, cycles, images, signal, progress } = options;
  await refuseSecond(plan.lab);
  const settings = await settingsOf(options);
  const artifacts = await artifactsOfBoth(plan, pair, images, { progress, signal });
  const source = await certifyingSource();
  return withLab(plan.lab, signal, async (held) => {
    await requireFreshLabs(plan.lab, cycles);
    const begun: CertificationProgress = {
      version: 1,
      ...{ lab: plan.lab, runId: options.runId, command: options.command },
      ...{ pair, plan, settings, cycles, current: 1 },
    };
    await writeProgress(begun);
    return runCycles({ ...options, signal: held, artifacts, source }, begun);
  });
}

async function settingsOf(options: CertifyOptions): Promise<CertificationSettings> {
  const { plan, accept } = options;
  const order = orderOf(
    plan.clusters.map((c) => c.name),
    options.order,
  );
  const all = await loadSuites();
  const suites = chooseSuites(all, options.suites, plan).map((s) => s.info.name);
  await knownDefects({ accept }, all, plan);
  if (options.disturb) requireSpareWorkers(plan);
  const newValues = (
    await Promise.all(options.newValues.map((path) => readValues(path, "--new-values")))
  ).reduce(mergeValues, {});
  return {
    order: [...order],
    bothOrders: options.order === undefined && order.length > 1,
    skipRollback: options.skipRollback,
    suites,
    full: options.full,
    newValues,
    preflight: options.preflight,
    disturb: options.disturb,
    deadlineMs: options.deadlineMs ?? plan.budgets.upgradeMs,
    accept: [...accept],
  };
}

/** A disturbance reboots a worker; another one carries the traffic. */
function requireSpareWorkers({ clusters }: KindLabPlan): void {
  const small = clusters.find((c) => c.kindConfig.nodes.filter((n) => n.role === "worker").length < 2);
  if (small === undefined) return;
  throw new MeshproofError(
    "usage",
    `--disturb reboots a worker, and cluster ${small.name} has none to spare`,
    {
      remedy: "use a lab with two workers in each cluster: --lab-file kind-configs/realistic/lab.yaml",
    },
  );
}

/** Throws `config-conflict` if a certification of this lab was interrupted. */
async function refuseSecond(lab: string): Promise<void> {
  const journal = await readCertification(lab);
  const progress = await readProgress(lab);
  if (journal === undefined && progress === undefined) return;
  const where =
    journal === undefined
      ? `a certification in lab ${lab} was interrupted in cycle ${progress?.current} of ${progress?.cycles}`
      : whereItIs(lab, journal);
  throw new MeshproofError("config-conflict", where, {
    remedy: `run \`${meshCommand("certify", "--resume", "--lab", lab)}\` to resume, or \`${meshCommand("down", "--lab", lab)}\` to clean up`,
  });
}

/** Cycles from one lab are no sample of labs. */
async function requireFreshLabs(lab: string, cycles: number): Promise<void> {
  const state = await readLabState(lab);
  if (cycles === 1 || state === undefined || (await isDisposable(state))) return;
  throw new MeshproofError(
    "config-conflict",
    `lab ${lab} is up, and each of ${cycles} cycles needs a fresh lab`,
    {
      remedy: `run \`${meshCommand("down", "--lab", lab)}\` first, choose another --lab, or certify this lab with --cycles 1`,
    },
  );
}

/** Resumes an interrupted certification with its original options. */
export async function resumeCertification(options: ResumeOptions): Promise<Certified> {
  return withLab(options.lab, options.signal, (signal) => resumeUnderLock({ ...options, signal }));
}

async function resumeUnderLock(options: ResumeOptions): Promise<Certified> {
  const { lab, images, progress, signal } = options;
  const begun = await readProgress(lab);
  if (begun === undefined)
    throw new MeshproofError("usage", `lab ${lab} has no interrupted certification`, {
      remedy: "omit --resume, or name another --lab",
    });
  const journal = await interruptedCycle(begun, options);
  if (journal === undefined) await requireFreshLabs(lab, begun.cycles);
  await freeCapacity(lab, progress, signal);
  const artifacts = await artifactsOfBoth(begun.plan, begun.pair, images, { progress, signal });
  return runCycles({ ...options, artifacts, source: await certifyingSource() }, begun, journal);
}

export interface FromCyclesOptions {
  readonly dirs: readonly string[];
  readonly command: string;
  readonly say: (line: string) => void;
}

/** Renders certificates from cycles that were measured before. */
export async function certifyFromCycles({ dirs, command, say }: FromCyclesOptions): Promise<Certified> {
  const runId = newRunId();
  return writeCertificates(readCycles(dirs), { dir: join(reportsDir(), runId), runId, command, say });
}
