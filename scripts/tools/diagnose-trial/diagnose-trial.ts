import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import type { Fault } from "#harness/faults/fault.ts";
import { faults } from "#harness/faults/index.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { lacked } from "#harness/faults/needs.ts";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { namespaceObject, removeNamespace } from "#harness/kube/namespace.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { formatMs, monotonicMs } from "#harness/lib/clock.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { eventually, notYet, ready } from "#harness/lib/eventually.ts";
import { shuffled } from "#harness/lib/random.ts";
import { namesOneOf } from "#harness/model/finding.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import { withLab } from "#harness/state/lock.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { newRunId } from "#harness/testkit/run-id.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";
import { EchoBackends } from "#harness/workloads/echo-service.ts";

export interface DiagnoseTrialOptions {
  readonly lab: string;
  readonly count: number;
  readonly seed: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const namespace = "mp-diagnose-trial";
const noticeMs = 90_000;

/**
 * Injects faults in a seeded random order, one at a time, with a global service deployed: `diagnose` must name the
 * target in its first finding, on the running lab and again from the files only. It never reads the fault journal.
 */
export async function diagnoseTrial(
  options: DiagnoseTrialOptions,
): Promise<{ passed: number; failed: number }> {
  return withLab(options.lab, options.signal, (signal) => tryUnderLock({ ...options, signal }));
}

async function tryUnderLock(options: DiagnoseTrialOptions): Promise<{ passed: number; failed: number }> {
  const mesh = await openLab(options.lab, options.say);
  const drawn = shuffled(
    faults.filter((f) => f.traceless === undefined && lacked(f, mesh) === undefined),
    options.seed,
  ).slice(0, options.count);
  const dir = join(reportsDir(), newRunId(), "artifacts");
  options.say(`seed ${options.seed}: ${drawn.map((f) => f.name).join(", ")}`);
  let passed = 0;
  await using _workload = await workload(mesh, options.signal);
  for (const fault of drawn) {
    const verdict = await tryFault(mesh, fault, join(dir, fault.name), options.signal);
    if (verdict.ok) passed += 1;
    options.say(`${verdict.ok ? "pass" : "FAIL"}  ${fault.name}: ${verdict.reported}`);
  }
  options.say(`evidence: ${dir}`);
  return { passed, failed: drawn.length - passed };
}

async function tryFault(
  mesh: Mesh,
  fault: Fault,
  dir: string,
  signal: AbortSignal,
): Promise<{ ok: boolean; reported: string }> {
  try {
    const defects = await readKnownDefects(suitesDir());
    // An earlier finding would be mistaken for the fault's.
    const evidence = await collectEvidence(mesh, { logs: false });
    const [before] = diagnose(snapshotOf(evidence), defects).filter((f) => f.severity === "broken");
    if (before !== undefined) return { ok: false, reported: `before the fault: ${before.message}` };
    await using injected = await injectFault(fault, { mesh, namespace, signal });
    const startedMs = monotonicMs();
    const live = await eventually(
      async () => {
        const evidence = await collectEvidence(mesh, { logs: false });
        await rm(dir, { recursive: true, force: true });
        await writeEvidence(evidence, dir);
        const [first] = diagnose(snapshotOf(evidence), defects);
        return first !== undefined && namesOneOf(first, injected.names)
          ? ready(first)
          : notYet(first?.message ?? "nothing found");
      },
      { what: `diagnose to name ${injected.names.join(" or ")}`, withinMs: noticeMs, everyMs: 1000, signal },
    );
    const tookMs = monotonicMs() - startedMs;
    await injected.heal();
    const [first] = await diagnoseFiles([dir]);
    return namesOneOf(first, injected.names)
      ? { ok: true, reported: `after ${formatMs(tookMs)}: [${live.layer}] ${live.message}` }
      : { ok: false, reported: `from files: ${first?.message ?? "nothing found"}` };
  } catch (error) {
    return { ok: false, reported: messageOf(error) };
  }
}

/** Deploys two backends in each cluster behind a global service, and removes them afterwards. */
async function workload(mesh: Mesh, signal: AbortSignal): Promise<AsyncDisposable> {
  for (const { kube } of mesh.clusters) await kube.apply(namespaceObject(namespace));
  const echo = await EchoBackends.deploy(mesh.clusters, {
    namespace,
    image: mesh.state.artifacts.agnhostImage,
    replicas: 2,
    withinMs: 120_000,
    signal,
  });
  await echo.serve("echo", { [annotation.global]: "true" }, "LoadBalancer");
  return {
    async [Symbol.asyncDispose]() {
      for (const { kube } of mesh.clusters) await removeNamespace(kube, namespace);
    },
  };
}
