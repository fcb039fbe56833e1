import { join } from "node:path";
import { type TestAPI, type TestContext, test as vitestTest } from "vitest";
import { networksOf } from "#harness/cluster/kind/networks.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { controlTroubles } from "#harness/judge/blame.ts";
import type { UnnamedLosses } from "#harness/judge/measured.ts";
import type { RigThresholds } from "#harness/judge/rig.ts";
import { namespaceObject, removeNamespace, runLabel } from "#harness/kube/namespace.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { Scope } from "#harness/lib/scope.ts";
import { hundredths } from "#harness/lib/stats.ts";
import { writeLosses } from "#harness/measure/loss-files.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { TestNotes } from "#harness/model/record.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { startOutsideClient } from "#harness/platform/containers.ts";
import { readHistorySoFar } from "#harness/probe/history-file.ts";
import { requireLab } from "#harness/state/lab.ts";
import { EchoBackends } from "#harness/workloads/echo-service.ts";
import type { SuiteDefinition } from "./define-suite.ts";
import type { EchoNeed, Facts, SuiteFixtures, TestFixtures } from "./fixture-types.ts";
import { historyFileOf } from "./history-file.ts";
import { Injection } from "./injection.ts";
import { keepEvidence } from "./keep-evidence.ts";
import { waitWhilePaused } from "./pause.ts";
import { runDirOf } from "./run-dir.ts";
import { hasFailed, holdsSurprise } from "./surprise.ts";
import { Within } from "./within.ts";

const setUpMs = 300_000;
/** Longer than collecting evidence may take: after a hook that timed out, vitest tears down no fixture. */
const evidenceMs = 300_000;
/** The user decides when a pause ends, so this is the longest possible timer. */
const pausedMs = 2 ** 31 - 1;

declare module "vitest" {
  interface TaskMeta {
    meshproof?: TestNotes;
    /** For a failed test: trouble of the test machine that its probers show. */
    controlTroubles?: string[];
  }
}

/** A test's notes for the reporter. */
export function notesOf({ meta }: TestContext["task"]): TestNotes {
  meta.meshproof ??= {};
  return meta.meshproof;
}

type SuiteTest<S> = TestAPI<SuiteFixtures & TestFixtures & { readonly setup: S }>;

/**
 * A suite's `test` with its fixtures, and the hooks around its tests: set-up, then the fault of the run; at the end
 * evidence if anything failed, and then the fixtures' teardown, last-in-first-out.
 */
export function suiteTest<S>(definition: SuiteDefinition<S>, run: RunContext): SuiteTest<S> {
  const test = withFault(withSetup(definition, run), definition, run);
  // Requesting the fault fixture sets up all fixtures before it.
  test.beforeAll(({ fault: _ }) => {}, setUpMs);
  test.beforeEach(({ within, fault, signal, task }) => {
    within.follow(signal);
    if (fault === undefined) return;
    const { name, subject, names } = fault;
    notesOf(task).fault = { name, subject, names: [...names] };
  });
  test.afterEach(async ({ mesh, task }) => {
    if (task.result?.state === "fail")
      task.meta.controlTroubles = await troublesOfProbers(notesOf(task), run, mesh.state.plan.rig);
  });
  test.afterAll(
    async ({ mesh }, suite) => {
      if (hasFailed(suite)) await keepEvidence(mesh, definition.name, run);
      if (run.pauseOnFail && holdsSurprise(suite, definition.name, run))
        await waitWhilePaused(runDirOf(run), namespaceOf(definition.name, run));
    },
    run.pauseOnFail ? pausedMs : evidenceMs,
  );
  return test as unknown as SuiteTest<S>;
}

async function troublesOfProbers(
  { histories = [] }: TestNotes,
  run: RunContext,
  limits: RigThresholds,
): Promise<string[]> {
  const found: string[] = [];
  for (const file of histories) {
    const history = await readHistorySoFar(join(runDirOf(run), "histories", file));
    if (history !== undefined) found.push(...controlTroubles(history, limits));
  }
  // All streams of one prober share its control requests.
  return [...new Set(found)];
}

const namespaceOf = (suite: string, run: RunContext): string => `mp-${suite}-${run.runId.slice(-6)}`;

function withMesh(suite: string, run: RunContext) {
  return vitestTest
    .extend("run", { scope: "file" }, run)
    .extend("mesh", { scope: "file" }, () => openMesh(run))
    .extend("budgets", { scope: "file" }, ({ mesh }) => mesh.state.plan.budgets)
    .extend("images", { scope: "file" }, ({ mesh }) => {
      const { agnhostImage, nginxImage, proberImage } = mesh.state.artifacts;
      return { agnhost: agnhostImage, nginx: nginxImage, prober: proberImage };
    })
    .extend("within", { scope: "file" }, ({ budgets }) => new Within(budgets, setUpSignal(suite)))
    .extend("namespace", { scope: "file" }, async ({ mesh }, { onCleanup }) => {
      const name = namespaceOf(suite, run);
      // In all clusters at once: removing a namespace takes at least five seconds, whatever its contents.
      const remove = async (): Promise<void> => {
        await Promise.all(mesh.clusters.map((c) => removeNamespace(c.kube, name)));
      };
      onCleanup(remove);
      try {
        for (const { kube } of mesh.clusters)
          await kube.apply(namespaceObject(name, { [runLabel]: run.runId }));
      } catch (error) {
        // vitest cleans up only fixtures that were created.
        await remove().catch(() => {});
        throw error;
      }
      return name;
    })
    .extend("cleanup", { scope: "file" }, ({ namespace: _ }, { onCleanup }) => {
      const scope = new Scope();
      onCleanup(() => scope.close());
      return scope;
    });
}

/** Aborts the waits of a set-up shortly before vitest's timeout, whose message has no details. */
function setUpSignal(suite: string): AbortSignal {
  const controller = new AbortController();
  const tooLong = new MeshproofError(
    "timeout",
    `the set-up of ${suite} took longer than ${setUpMs / 1000} s`,
  );
  setTimeout(() => controller.abort(tooLong), setUpMs - 5000).unref();
  return controller.signal;
}

/** The lab of the context. Throws if it no longer matches the context. */
async function openMesh(run: RunContext): Promise<Mesh> {
  const mesh = new Mesh(await requireLab(run.lab));
  const names = mesh.clusters.map((c) => c.name);
  if (names.join() !== run.clusters.join())
    throw new MeshproofError(
      "usage",
      `lab ${run.lab} has clusters ${names.join(", ")}, the run context says ${run.clusters.join(", ")}`,
      { remedy: "write the run context again: `npm run mesh -- test --write-context FILE`" },
    );
  return mesh;
}

function withSetup<S>(definition: SuiteDefinition<S>, run: RunContext) {
  return withMesh(definition.name, run)
    .extend("outside", { scope: "file" }, async ({ mesh, namespace: _ }, { onCleanup }) => {
      if (mesh.clusters.some((c) => !c.capabilities.nodesAreLocal)) return undefined;
      const { lab, plan, artifacts } = mesh.state;
      const client = await startOutsideClient(lab, networksOf(plan), artifacts.proberImage);
      onCleanup(() => client[Symbol.asyncDispose]());
      return client.id;
    })
    .extend("echo", { scope: "file" }, ({ mesh, namespace, images, within }) =>
      EchoBackends.deploy(mesh.clusters, {
        namespace,
        image: images.agnhost,
        ...echoOptions(definition.echo, images.prober),
        ...within.settle,
      }),
    )
    .extend("setup", { scope: "file" }, setupOf(definition));
}

function echoOptions(need: EchoNeed | undefined, proberImage: string) {
  if (need === undefined)
    throw new MeshproofError("usage", "the suite uses `echo` without a number of replicas", {
      remedy: "add `echo: { replicas: 1 }` to its record",
    });
  const { replicas, heartbeats, ...variant } = need;
  return {
    replicas,
    variant: { ...variant, ...(heartbeats === true ? { heartbeatImage: proberImage } : {}) },
  };
}

/** The suite's set-up; by default, its namespace and its backends. */
function setupOf<S>({ setup, echo }: SuiteDefinition<S>): (context: SuiteFixtures) => S | Promise<S> {
  if (setup !== undefined) return setup;
  const nothing = undefined as S;
  return echo === undefined ? ({ namespace: _ }) => nothing : ({ echo: _ }) => nothing;
}

function withFault<S>(
  test: ReturnType<typeof withSetup<S>>,
  definition: SuiteDefinition<S>,
  run: RunContext,
) {
  const { echo } = definition;
  return (
    test
      // After everything that a set-up creates, so that healing comes before its teardown.
      .extend(
        "injection",
        { scope: "file" },
        echo === undefined
          ? ({ setup: _, cleanup: _c }, { onCleanup }) => injectionOf(onCleanup)
          : ({ setup: _, cleanup: _c, echo: _e }, { onCleanup }) => injectionOf(onCleanup),
      )
      .extend("fault", { scope: "file" }, ({ injection, mesh, namespace, within }) =>
        run.fault === undefined
          ? undefined
          : injection.start(run.fault, { mesh, namespace, signal: within.signal }),
      )
      .extend("keepFacts", ({ task }) => (facts: Facts) => {
        const notes = notesOf(task);
        notes.facts = { ...notes.facts };
        for (const [name, value] of Object.entries(facts))
          notes.facts[name] = typeof value === "number" ? hundredths(value) : (value ?? null);
      })
      .extend("keepHealth", ({ task }) => (cells: NonNullable<TestNotes["healthCells"]>) => {
        notesOf(task).healthCells = cells;
      })
      .extend("keepMeasurement", ({ task }) => (measurement: NonNullable<TestNotes["measurement"]>) => {
        notesOf(task).measurement = measurement;
      })
      .extend(
        "keepLosses",
        () => (losses: UnnamedLosses, measurement: Pick<Measurement, "runId" | "at">) =>
          writeLosses(runDirOf(run), losses, measurement),
      )
      .extend(
        "historyFile",
        ({ task }) =>
          (title: string) =>
            historyFileOf(task, notesOf(task), run, title),
      )
      .extend("unsupported", ({ task, skip }) => (capability: string, reason: string): never => {
        notesOf(task).unsupported = { capability, reason };
        return skip(reason);
      })
  );
}

function injectionOf(onCleanup: (cleanup: () => Promise<void>) => void): Injection {
  const injection = new Injection();
  onCleanup(() => injection.heal());
  return injection;
}
