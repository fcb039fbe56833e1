import { join } from "node:path";
import { afterAll, beforeAll, describe, type TestContext, test as vitestTest } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { networksOf } from "#harness/cluster/kind/networks.ts";
import { Mesh, orderedPairs } from "#harness/cluster/mesh.ts";
import { diagnose } from "#harness/diagnose/index.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import type { InjectedFault } from "#harness/faults/fault.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { injectFault } from "#harness/faults/inject.ts";
import { controlTroubles } from "#harness/judge/blame.ts";
import { expectationOf } from "#harness/judge/kill-matrix.ts";
import { namespaceObject, removeNamespace, runLabel } from "#harness/kube/namespace.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import { Scope } from "#harness/lib/scope.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { HealthCell } from "#harness/model/health-cell.ts";
import type { TestNotes } from "#harness/model/record.ts";
import { startOutsideClient } from "#harness/platform/containers.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { readHistorySoFar } from "#harness/probe/history-file.ts";
import { requireLab } from "#harness/state/lab.ts";
import { settledOn } from "#harness/workloads/draw.ts";
import type { EchoVariant } from "#harness/workloads/echo.ts";
import { EchoBackends } from "#harness/workloads/echo-service.ts";
import {
  diagnosisFile,
  expectedOfRun,
  labOfRun,
  runDirOfRun,
  runIdOfRun,
  withBugtool,
} from "./run-environment.ts";
import "./matchers.ts";

// A Ctrl-C reaches this process too: it must live to heal and clean up; the harness cancels the run.
for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => {});

export { expect } from "vitest";

/** The mesh under test: the lab that is up. Where there is none, the import fails with the cure. */
export const mesh = new Mesh(await requireLab(labOfRun()));
export const { budgets, rig } = mesh.state.plan;
export const { agnhostImage, nginxImage, proberImage } = mesh.state.artifacts;
export const pairs = orderedPairs(mesh.clusters);

/** The fault that is injected after each set-up, if any: a clean-up must not wait for a healthy mesh under it. */
export const faultOfRun = process.env.MESHPROOF_FAULT || undefined;

const setUpMs = 300_000;
/** Evidence, healing and a namespace in each cluster, each with a bound of its own. */
const tearDownMs = 900_000;

declare module "vitest" {
  interface TaskMeta {
    meshproof?: TestNotes;
    /** Of a test that failed: what its own probers tell against the test machine. */
    controlTroubles?: string[];
  }
}

export const test = vitestTest;

/** Runs a block of tests once for every ordered pair of clusters. */
export function forEachPair(body: (from: Cluster, to: Cluster) => void): void {
  for (const [from, to] of pairs) describe(`${from.name} -> ${to.name}`, () => body(from, to));
}

export interface SetUpContext {
  /** A namespace of the suite's own, made in every cluster and removed, with a check, at the end. */
  readonly namespace: string;
  readonly scope: Scope;
  readonly signal: AbortSignal;
  /** A container on the lab's networks that belongs to no cluster; started once. */
  outside(): Promise<string>;
}

/**
 * A suite's set-up: runs before its tests, then injects the fault that `--with-fault` names, if any. Afterwards the
 * fault is healed, evidence is collected where a test failed, and everything is removed and seen to be gone.
 */
export function setUp<T>(suite: string, build: (context: SetUpContext) => Promise<T>): () => T {
  let built: { value: T } | undefined;
  const scope = new Scope();
  const namespace = `mp-${suite}-${runIdOfRun().slice(-6)}`;
  let fault: InjectedFault | undefined;
  let injecting: Promise<InjectedFault> | undefined;
  let failed = false;
  let outsideClient: Promise<{ readonly id: string } & AsyncDisposable> | undefined;

  beforeAll(async () => {
    const controller = new AbortController();
    const tooLong = new MeshproofError(
      "timeout",
      `the set-up of ${suite} took longer than ${setUpMs / 1000} s`,
    );
    const timer = setTimeout(() => controller.abort(tooLong), setUpMs - 5000);
    try {
      // In all clusters at once: a namespace takes at least five seconds to go, whatever is in it.
      scope.defer(`namespace ${namespace}`, async () => {
        await Promise.all(mesh.clusters.map((c) => removeNamespace(c.kube, namespace)));
      });
      for (const { kube } of mesh.clusters)
        await kube.apply(namespaceObject(namespace, { [runLabel]: runIdOfRun() }));
      built = {
        value: await build({
          namespace,
          scope,
          signal: controller.signal,
          outside: async () => {
            if (mesh.clusters.some((c) => !c.capabilities.nodesAreLocal))
              throw new MeshproofError(
                "usage",
                `${suite} asks from beside the clusters' nodes: unsupported where they are not of this machine`,
              );
            outsideClient ??= startOutsideClient(mesh.state.lab, networksOf(mesh.state.plan), proberImage);
            const client = await outsideClient;
            return client.id;
          },
        }),
      };
      if (faultOfRun !== undefined) {
        injecting = injectFault(faultNamed(faultOfRun), { mesh, namespace, signal: controller.signal });
        fault = await injecting;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }, setUpMs);

  const expected = expectedOfRun(suite);
  vitestTest.beforeEach((context) => {
    if (expected === undefined) return;
    const names = mesh.clusters.map((c) => c.name);
    if (expectationOf(expected, context.task.fullTestName, names) === "either")
      context.skip("the fault may break it or not: left out");
  });

  vitestTest.afterEach(async (context) => {
    const thisFailed = context.task.result?.state === "fail";
    failed ||= thisFailed;
    if (fault !== undefined)
      notesOf(context).fault = { name: fault.name, subject: fault.subject, names: [...fault.names] };
    if (thisFailed) context.task.meta.controlTroubles = await troublesOfProbers(notesOf(context));
  });

  afterAll(async () => {
    if (failed)
      await collectEvidence(mesh, { logs: faultOfRun === undefined, bugtool: withBugtool() })
        .then(async (evidence) => {
          const dir = join(runDirOfRun(), "artifacts", suite);
          await writeEvidence(evidence, dir);
          await writeReportFile(
            join(dir, diagnosisFile),
            JSON.stringify(diagnose(snapshotOf(evidence)), null, 1),
          );
        })
        .catch((error: unknown) => console.error(`evidence: ${messageOf(error)}`));
    // An injection that outlived the set-up's own time is waited for: it heals itself or is healed here.
    const late = fault ?? (await injecting?.catch(() => undefined));
    if (late !== undefined) scope.defer(`fault ${late.name}`, () => late.heal());
    if (outsideClient !== undefined) {
      scope.defer("outside client", async () => {
        await (await outsideClient!)[Symbol.asyncDispose]();
      });
    }
    await scope.close();
  }, tearDownMs);

  return () => {
    if (built === undefined) throw new MeshproofError("lab-broken", `the set-up of ${suite} did not finish`);
    return built.value;
  };
}

/** Echo backends in every cluster, ready. */
export function deployEcho(
  { namespace, signal }: SetUpContext,
  options: { readonly replicas: number; readonly variant?: EchoVariant },
): Promise<EchoBackends> {
  return EchoBackends.deploy(mesh.clusters, {
    namespace,
    image: agnhostImage,
    withinMs: budgets.settleMs,
    signal,
    ...options,
  });
}

/** A service over the backends of every cluster, once it is served by all of them in every cluster. */
export async function serveEverywhere(
  echo: EchoBackends,
  name: string,
  annotations: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  await echo.serve(name, annotations);
  for (const cluster of mesh.clusters)
    await settledOn(cluster, echo, name, mesh.clusters, { withinMs: budgets.settleMs, signal });
}

function notesOf(context: TestContext): TestNotes {
  context.task.meta.meshproof ??= {};
  return context.task.meta.meshproof;
}

async function troublesOfProbers({ histories = [] }: TestNotes): Promise<string[]> {
  const found: string[] = [];
  for (const file of histories) {
    const history = await readHistorySoFar(join(runDirOfRun(), "histories", file));
    if (history !== undefined) found.push(...controlTroubles(history, rig));
  }
  // The streams of one prober share its control requests.
  return [...new Set(found)];
}

/** Keeps a measured figure of this test for the report. */
export function keepFacts(
  context: TestContext,
  facts: Record<string, number | string | boolean | null | undefined>,
): void {
  const notes = notesOf(context);
  notes.facts = { ...notes.facts };
  for (const [name, value] of Object.entries(facts))
    notes.facts[name] = typeof value === "number" ? hundredths(value) : (value ?? null);
}

/** Where a history of this test goes, under `histories/`, for the report and for whoever wants to judge it anew. */
export function historyFile(context: TestContext, title: string): string {
  const file = `${[context.task.fullTestName, title].map((n) => n.replace(/[^a-z0-9]+/gi, "-")).join("--")}.ndjson`;
  const notes = notesOf(context);
  notes.histories = [...(notes.histories ?? []), file];
  return join(runDirOfRun(), "histories", file);
}

export function keepMeasurement(context: TestContext, measurement: TestNotes["measurement"]): void {
  if (measurement !== undefined) notesOf(context).measurement = measurement;
}

export function keepHealth(context: TestContext, cells: HealthCell[]): void {
  notesOf(context).healthCells = cells;
}

/** Ends the test as `unsupported`, naming the capability that is not there. */
export function unsupported(context: TestContext, capability: string): never {
  context.skip(`unsupported: ${capability}`);
  throw new MeshproofError("usage", "skip did not end the test");
}
