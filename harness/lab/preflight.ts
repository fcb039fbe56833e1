import type { ImageOptions } from "#harness/images/options.ts";
import { Store } from "#harness/images/store.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import type { Progress } from "#harness/lib/progress.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import { dockerAnswers } from "#harness/platform/docker.ts";
import { disk, examine, type MachineFinding, memory } from "#harness/platform/doctor/doctor.ts";
import { setUpMachine } from "#harness/platform/doctor/setup.ts";
import { availableMemoryBytes } from "#harness/platform/machine.ts";
import { readLabState } from "#harness/state/lab.ts";
import { freeCapacity, isDisposable, removeAbandonedLabs } from "./other-labs.ts";
import { isUp } from "./up.ts";

export interface PreflightOptions {
  readonly plan: KindLabPlan;
  readonly setup: boolean;
  readonly mustBuild: boolean;
  readonly registryMirror?: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Checks the machine and frees capacity before anything is created; with consent, installs and starts what is missing.
 */
export async function preflight(options: PreflightOptions): Promise<MachineFinding[]> {
  const { progress, signal } = options;
  const { lab } = options.plan;
  const freeAll = () => freeCapacity(lab, progress, signal);
  const answered = await dockerAnswers(signal);
  if (answered) await freeAll();
  // A running lab needs no more resources.
  if (await isUp(options.plan).catch(() => false)) return [];
  // It would be rebuilt, so its resources count as free.
  const own = answered ? await readLabState(lab) : undefined;
  if (own?.phase === "up" && (await isDisposable(own))) await removeAbandonedLabs(lab, progress, signal);
  // Capacity first: a lack of disk or memory is reported before anything is installed.
  refuse([await disk(options.mustBuild, signal), memory(await availableMemoryBytes())]);
  if (options.setup) {
    await setUpMachine(progress, signal);
    // If the daemon started only now, it restarted the containers that ran when it stopped.
    if (!answered) await freeAll();
  }
  const findings = await examine({
    mustBuild: options.mustBuild,
    signal,
    ...(options.registryMirror === undefined ? {} : { registryMirror: options.registryMirror }),
  });
  throwIfAborted(signal, "preflight");
  refuse(findings);
  return findings;
}

function refuse(findings: readonly MachineFinding[]): void {
  const bad = findings.filter((f) => f.level === "bad");
  const first = bad[0];
  if (first === undefined) return;
  throw new MeshproofError(
    first.code ?? "machine-unfit",
    bad.map((f) => `${f.name}: found ${f.found}; needed: ${f.needed}`).join("\n"),
    {
      remedy: bad.map((f) => f.remedy ?? `fix ${f.name}`).join("; "),
    },
  );
}

/** Whether images would be built, which needs more disk. */
export async function mustBuild(plan: KindLabPlan, images: ImageOptions): Promise<boolean> {
  if (images.source === "registry" || images.source === "archive") return false;
  const store = new Store();
  const names = await store.names("go");
  return !plan.clusters.every(
    (c) =>
      names.some((n) => n.startsWith(`kubernetes-v${c.kubernetes}-`)) &&
      (c.cilium.includes("/") || names.some((n) => n.startsWith(`cilium-v${c.cilium}-`))),
  );
}
