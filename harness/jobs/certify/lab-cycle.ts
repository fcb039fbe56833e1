import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { requireKind } from "#harness/cluster/cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { keptLeaks } from "#harness/measure/leaks.ts";
import type { CertificationJournal, CycleBeginning } from "#harness/model/certification-journal.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";
import type { Source } from "#harness/platform/source.ts";
import { HostWatch } from "#harness/platform/watch.ts";
import { forgetCertification, writeCertification } from "#harness/state/certification-journal.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";
import { findingsBefore } from "./chart-findings.ts";
import { chartPreflight } from "./chart-preflight.ts";
import { meshCrds } from "./crd-preflight.ts";
import { cycleIdentityOf } from "./cycle-identity.ts";
import type { CycleWatch, CycleWorld } from "./cycle-world.ts";
import { disturbedBefore, disturbedMove, survivors } from "./disturbed-move.ts";
import { moveCluster } from "./move.ts";
import { artifactsOf, type BothArtifacts, loadImages } from "./prepare.ts";
import { observed } from "./record-phase.ts";
import { runPhaseSuites } from "./run-phase-suites.ts";
import { folderName, leaksFile, type Standing, startStanding } from "./standing.ts";
import { changedState, wholePersistentState } from "./whole-persistent-state.ts";

/** Suites to run with mixed versions: features that every mesh needs. */
const betweenSuites = ["global-service", "policy"];

export interface LabCycleOptions {
  readonly artifacts: BothArtifacts;
  readonly source: Source;
  /** The folder of this cycle. */
  readonly dir: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A cycle's lab on this machine. Its state changes with every move. */
export async function labCycle(begun: LabState, options: LabCycleOptions): Promise<CycleWorld> {
  const { artifacts, dir, progress, signal } = options;
  let state = begun;
  const mesh = (): Mesh => new Mesh(state);
  await mkdir(join(dir, "histories"), { recursive: true });
  return {
    nowUnixMs: unixNowMs,
    pause: (ms) => pause(ms, signal),
    versions: () => Object.fromEntries(mesh().clusters.map((c) => [c.name, c.ciliumVersion])),
    versionAfter: ({ cluster, to }) => artifactsOf(artifacts, to, cluster).ciliumVersion,
    prepare: () =>
      progress.step("load the new version's images onto the nodes", () =>
        loadImages(mesh(), artifacts.new, signal),
      ),
    findings: (journal) => findingsBefore(journal, mesh(), artifacts, signal),
    crds: () => meshCrds(mesh().clusters),
    async move(change, journal) {
      state = await moveCluster(state, change, { journal, artifacts, signal });
    },
    async preflight({ given }) {
      for (const cluster of mesh().clusters)
        await chartPreflight(
          cluster,
          artifacts.new,
          found(given[cluster.name], `values that ${cluster.name} was installed with`),
          signal,
        );
    },
    watch: (journal, onProtected) => watchLab(mesh, { journal, onProtected }, options),
    keptLeaks: (sinceUnixMs) => keptLeaks(leaksFile(dir), sinceUnixMs),
    async evidence(phase) {
      const evidence = await collectEvidence(mesh(), { logs: true });
      await writeEvidence(evidence, join(dir, "artifacts", folderName(phase)));
    },
    save: (journal) => writeCertification(state.lab, journal),
    forget: () => forgetCertification(state.lab),
  };
}

interface WatchedCycle {
  readonly journal: CertificationJournal;
  readonly onProtected: (unixMs: number) => Promise<void>;
}

/**
 * A resume leaves the pods and services of the traffic as they are, and applies its policies anew under their names. So
 * everything that the cycle began with can be compared, also over the part that was not measured, except for what
 * disturbances replaced.
 */
async function watchLab(
  mesh: () => Mesh,
  { journal, onProtected }: WatchedCycle,
  options: LabCycleOptions,
): Promise<CycleWatch> {
  const { dir, progress, signal } = options;
  await using open = new AsyncDisposableStack();
  const standing = open.use(
    await startStanding(mesh(), dir, {
      ...{ progress, signal, onProtected },
      selectsOwnCluster: journal.beginning?.selectsOwnCluster,
    }),
  );
  standing.disturbed.push(...disturbedBefore(journal, (cluster) => standing.echo.deploymentOf(cluster)));
  const nodes = (await Promise.all(mesh().clusters.map((c) => c.nodes()))).flat();
  const host = open.use(
    await HostWatch.start(
      nodes.map((n) => n.name),
      dir,
    ),
  );
  const beginning = journal.beginning ?? (await beginningOf(mesh(), standing, signal));
  const resources = open.move();
  return watchOf(mesh, { standing, host, beginning }, { ...options, resources });
}

async function beginningOf(
  { clusters, state }: Mesh,
  { selectsOwnCluster }: Standing,
  signal: AbortSignal,
): Promise<CycleBeginning> {
  const within = { withinMs: state.plan.budgets.settleMs, signal };
  return {
    persistent: Object.fromEntries(await wholePersistentState(clusters, standingNamespace, within)),
    selectsOwnCluster,
    crds: Object.fromEntries(await meshCrds(clusters)),
  };
}

interface Watched {
  readonly standing: Standing;
  readonly host: HostWatch;
  readonly beginning: CycleBeginning;
}

function watchOf(
  mesh: () => Mesh,
  { standing, host, beginning }: Watched,
  { resources, ...options }: LabCycleOptions & { readonly resources: AsyncDisposableStack },
): CycleWatch {
  const { artifacts, source, dir, say, signal } = options;
  const { traffic, events, echo, disturbed } = standing;
  const { lab, plan } = mesh().state;
  const before: ReadonlyMap<string, PersistentState> = new Map(Object.entries(beginning.persistent));
  return {
    beginning,
    identity: ({ settings }) =>
      cycleIdentityOf({
        ...{ mesh: mesh(), artifacts, settings, source, signal },
        workload: echo.settingOf("exits"),
      }),
    note: (what, cluster) => events.note(what, { cluster }),
    settled: () => traffic.settled(),
    disturbing: ({ cluster }, withinMs, run) =>
      disturbedMove(run, standing, {
        mesh: mesh(),
        cluster: requireKind(mesh().cluster(cluster), "a disturbance"),
        agnhostImage: mesh().state.artifacts.agnhostImage,
        withinMs,
        signal,
      }),
    changed: (known) =>
      changedState(mesh().clusters, survivors(before, disturbed), {
        namespace: standingNamespace,
        known,
        withinMs: plan.budgets.settleMs,
        signal,
      }),
    observed: (interval) => observed(standing, { watch: host, rig: plan.rig }, { ...interval, signal }),
    suites: (phase, { settings: { suites, full, accept }, command }) =>
      runPhaseSuites(traffic, {
        lab,
        suites: phase.suites === "all" || full ? suites : betweenSuites,
        runId: folderName(phase.name),
        reportsDir: join(dir, "runs"),
        ...{ command, accept, say, signal },
      }),
    stop: () => traffic.stop(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
