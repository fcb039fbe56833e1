import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { requireKind } from "#harness/cluster/cluster.ts";
import { Mesh } from "#harness/cluster/mesh.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { formatMs, unixNowMs } from "#harness/lib/clock.ts";
import { isTestMachineError, isUserError, messageOf } from "#harness/lib/errors.ts";
import { pause, throwIfAborted } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { keptLeaks } from "#harness/measure/leaks.ts";
import { type Leak, type PhaseRecord, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";
import type { Source } from "#harness/platform/source.ts";
import { HostWatch } from "#harness/platform/watch.ts";
import { forgetCertification, writeCertification } from "#harness/state/certification-journal.ts";
import { standingNamespace } from "#harness/workloads/standing-pods.ts";
import { findingsBefore } from "./chart-findings.ts";
import { chartPreflight } from "./chart-preflight.ts";
import { type MeshCrds, meshCrds, storedVersionFindings } from "./crd-preflight.ts";
import { cycleIdentityOf } from "./cycle-identity.ts";
import { disturbedMove, survivors } from "./disturbed-move.ts";
import { moveCluster } from "./move.ts";
import { type Phase, phasesOf, retreatOf, versionBefore } from "./phases.ts";
import { artifactsOf, type BothArtifacts, loadImages, type Side } from "./prepare.ts";
import { describePhase, inFlightMs, type Observed, observed } from "./record-phase.ts";
import { besideSuites, runPhaseSuites } from "./run-phase-suites.ts";
import { folderName, leaksFile, type Standing, startStanding } from "./standing.ts";
import { changedState, wholePersistentState } from "./whole-persistent-state.ts";

/** Suites to run with mixed versions: features that every mesh needs. */
const betweenSuites = ["global-service", "policy"];
/** How long a phase without a change is measured. */
const quietMs = 20_000;
/** Time after a change whose late effects still count for it. */
const afterMs = 10_000;
/** No phase begins later, so that an interruption costs an hour at most. */
const longestCycleMs = 3_600_000;

export interface CycleOptions {
  readonly artifacts: BothArtifacts;
  readonly state: LabState;
  readonly journal: CertificationJournal;
  readonly source: Source;
  /** The folder of this cycle. */
  readonly dir: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

type Move = NonNullable<Phase["change"]>;

/** Everything that measures, and the state that must not change. */
interface Watch {
  readonly standing: Standing;
  readonly host: HostWatch;
  readonly before: ReadonlyMap<string, PersistentState>;
}

/** One cycle, from the current phase of its journal to its last one. */
export class Cycle {
  readonly #options: CycleOptions;
  readonly #phases: readonly Phase[];
  #state: LabState;
  #journal: CertificationJournal;
  /** The end of what was recorded: the next phase begins there. */
  #sinceUnixMs: number | undefined;
  /** Time up to which captures have been judged; saved to the journal together with the result. */
  #watchedUntil: number | null;
  /** Captured by an interrupted part and not judged yet. */
  #late: readonly Leak[] = [];

  constructor(options: CycleOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#journal = options.journal;
    this.#watchedUntil = options.journal.watchedUntilUnixMs;
    this.#phases = phasesOf(options.journal.settings, options.journal.cycle === 1);
  }

  get #mesh(): Mesh {
    return new Mesh(this.#state);
  }

  /** Every end except an interrupt, and a wrong setting found before anything moved, yields a journal to be judged. */
  async run(): Promise<CertificationJournal> {
    const { signal, dir } = this.#options;
    await mkdir(join(dir, "histories"), { recursive: true });
    await this.#note({});
    try {
      await this.#walk();
    } catch (failure) {
      throwIfAborted(signal, this.#journal.current);
      if (this.#journal.startedAtUnixMs === null && isUserError(failure)) {
        await forgetCertification(this.#state.lab);
        throw failure;
      }
      await this.#evidence(this.#journal.current).catch(() => {});
      await this.#keep(await this.#broken(failure));
    }
    return this.#journal;
  }

  async #walk(): Promise<void> {
    const { artifacts, progress, signal, dir } = this.#options;
    await progress.step("load the new version's images onto the nodes", () =>
      loadImages(this.#mesh, artifacts.new, signal),
    );
    const first = this.#phases.findIndex((p) => p.name === this.#journal.current);
    found(this.#phases[first], `phase "${this.#journal.current}" of the cycle`);
    await this.#goBackTo(first);
    const crds = await meshCrds(this.#mesh.clusters);
    const isNew = this.#journal.startedAtUnixMs === null;
    if (isNew)
      await this.#note({ findings: await findingsBefore(this.#journal, this.#mesh, artifacts, signal) });
    const late = this.#watchedUntil === null ? [] : await keptLeaks(leaksFile(dir), this.#watchedUntil);
    await using standing = await startStanding(this.#mesh, dir, {
      progress,
      signal,
      onProtected: async (protectedUnixMs) => {
        // Saved at once if nothing is to be judged yet, so that a kill in the first phase loses no leak.
        if (this.#watchedUntil === null) await this.#note({ watchedUntilUnixMs: protectedUnixMs });
        this.#watchedUntil = protectedUnixMs;
        this.#late = late;
      },
    });
    const nodes = (await Promise.all(this.#mesh.clusters.map((c) => c.nodes()))).flat();
    await using host = await HostWatch.start(
      nodes.map((n) => n.name),
      dir,
    );
    const before = await wholePersistentState(this.#mesh.clusters, standingNamespace, {
      withinMs: this.#state.plan.budgets.settleMs,
      signal,
    });
    const { settings, identity } = this.#journal;
    if (identity === null)
      await this.#note({
        identity: await cycleIdentityOf({
          ...this.#options,
          mesh: this.#mesh,
          settings,
          workload: standing.echo.settingOf("exits"),
        }),
      });
    await this.#begin();
    await this.#pass(this.#phases.slice(first), { standing, host, before });
    await standing.traffic.stop();
    if (isNew) await this.#noteStoredVersions(crds);
  }

  /** Only what a whole cycle changed: an interrupted one does not know the versions before. */
  async #noteStoredVersions(before: MeshCrds): Promise<void> {
    const changes = storedVersionFindings(before, await meshCrds(this.#mesh.clusters));
    const { forth, back } = this.#journal.findings;
    await this.#note({ findings: { forth: [...forth, ...changes], back } });
  }

  /** From now on everything is recorded. Since the last phase of an interrupted command nothing was. */
  async #begin(): Promise<void> {
    const now = unixNowMs();
    const { startedAtUnixMs: started, recordedUntilUnixMs: recorded, current } = this.#journal;
    if (started === null) await this.#note({ startedAtUnixMs: now, recordedUntilUnixMs: now });
    else if (recorded !== null)
      await this.#note({
        interruptions: [
          ...this.#journal.interruptions,
          {
            phase: current,
            startMs: Math.round(recorded - started),
            durationMs: Math.round(now - recorded),
          },
        ],
      });
    this.#sinceUnixMs = now;
  }

  async #pass(phases: readonly Phase[], watch: Watch): Promise<void> {
    for (const phase of phases) {
      throwIfAborted(this.#options.signal, phase.name);
      // If interrupted during a retreat, it restarts with the failed phase. A retreat is never too late.
      const isRetreat = !this.#phases.includes(phase);
      if (!isRetreat) await this.#note({ current: phase.name });
      if (!isRetreat && this.#takesTooLong()) {
        const name = `from "${phase.name}" on`;
        await this.#keep({
          ...unmeasuredPhase(name, this.#versions()),
          startMs: Math.round(unixNowMs() - (this.#journal.startedAtUnixMs ?? unixNowMs())),
          harness: [`no phase was begun any more: the cycle takes more than ${formatMs(longestCycleMs)}`],
        });
        return;
      }
      const record = await this.#phase(phase, watch);
      if (record.error === null) continue;
      this.#options.say(`  ${record.error}`);
      if (phase.change !== undefined && !isRetreat) {
        const back = versionBefore(this.#phases, this.#phases.indexOf(phase), phase.change.cluster);
        await this.#pass(retreatOf(phase.change.cluster, back), watch);
      }
      return;
    }
  }

  #takesTooLong(): boolean {
    const { startedAtUnixMs, interruptions } = this.#journal;
    const lostMs = interruptions.reduce((sum, i) => sum + i.durationMs, 0);
    return unixNowMs() - (startedAtUnixMs ?? unixNowMs()) - lostMs > longestCycleMs;
  }

  /** An interrupted change may be incomplete: returns its cluster to the previous version, unmeasured. */
  async #goBackTo(index: number): Promise<void> {
    const { change, name } = found(this.#phases[index], `phase ${index} of the certification`);
    if (change === undefined || this.#journal.startedAtUnixMs === null) return;
    const to = versionBefore(this.#phases, index, change.cluster);
    await this.#options.progress.step(`return ${change.cluster} to its version before "${name}"`, () =>
      this.#move(change.cluster, to),
    );
  }

  async #move(cluster: string, to: Side): Promise<void> {
    const { artifacts, signal } = this.#options;
    const journal = this.#journal;
    this.#state = await moveCluster(this.#state, { cluster, to }, { journal, artifacts, signal });
  }

  async #note(news: Partial<CertificationJournal>): Promise<void> {
    this.#journal = { ...this.#journal, ...news };
    await writeCertification(this.#state.lab, this.#journal);
  }

  async #keep(record: PhaseRecord, intervalFactor?: number): Promise<void> {
    const whole = { ...record, leaks: [...this.#late, ...record.leaks] };
    const { done, suiteWindows } = this.#journal;
    await this.#note({
      ...(intervalFactor === undefined
        ? { done: [...done, whole] }
        : { suiteWindows: [...suiteWindows, { ...whole, intervalFactor }] }),
      watchedUntilUnixMs: this.#watchedUntil,
      recordedUntilUnixMs: this.#sinceUnixMs ?? this.#journal.recordedUntilUnixMs,
    });
    this.#late = [];
    this.#options.say(describePhase(whole));
  }

  async #phase(phase: Phase, watch: Watch): Promise<PhaseRecord> {
    const ended =
      phase.suites === undefined
        ? { ...(await this.#act(phase, watch.standing)), ...noSuites }
        : { error: null, ...(await this.#suites(phase, watch.standing)) };
    const { changed, unread } =
      ended.error === null && phase.suites === undefined
        ? await changedState(this.#mesh.clusters, survivors(watch.before, watch.standing.disturbed), {
            namespace: standingNamespace,
            withinMs: this.#state.plan.budgets.settleMs,
            signal: this.#options.signal,
          })
        : { changed: [], unread: [] };
    const seen = await this.#recorded(watch);
    const record: PhaseRecord = {
      name: phase.name,
      change: phase.change ?? null,
      versions: this.#versions(),
      ...seen,
      // Suites load the machine; their own runs say whether that disturbed them.
      ...(phase.suites === undefined ? {} : { measuredMs: 0, rig: [] }),
      changed,
      suites: ended.suites,
      harness: ended.harness,
      unseen: [...unread, ...seen.unseen],
      error: ended.error,
    };
    await this.#keep(record, phase.suites === undefined ? undefined : besideSuites);
    return record;
  }

  /** Ends the current interval; the next one begins at once, while the results of the last requests arrive. */
  async #recorded({ standing, host }: Watch): Promise<Observed> {
    const until = unixNowMs();
    const since = this.#sinceUnixMs ?? until;
    const watchedSince = this.#watchedUntil ?? since;
    this.#sinceUnixMs = until;
    this.#watchedUntil = until;
    const { signal } = this.#options;
    await pause(inFlightMs, signal);
    return observed(
      standing,
      { watch: host, rig: this.#state.plan.rig },
      { since, until, watchedSince, startedAtUnixMs: this.#journal.startedAtUnixMs ?? since, signal },
    );
  }

  /** Makes the phase's change; returns why it failed. */
  async #act({ name, change }: Phase, standing: Standing): Promise<{ error: string | null }> {
    const { progress, signal } = this.#options;
    const { traffic, events } = standing;
    return progress.step(name, async (step) => {
      try {
        if (change === undefined) {
          if (name === this.#phases[0]?.name) await this.#preflight();
          await pause(quietMs, signal);
          return { error: null };
        }
        const version = artifactsOf(this.#options.artifacts, change.to, change.cluster).ciliumVersion;
        events.note(`helm upgrade of ${change.cluster} to ${version}`, { cluster: change.cluster });
        await this.#moveUnderTraffic(change, standing);
        events.note(`${change.cluster} runs ${version}`, { cluster: change.cluster });
        step.detail("waiting for traffic to recover");
        await traffic.settled();
        await pause(afterMs, signal);
        return { error: null };
      } catch (failure) {
        throwIfAborted(signal, name);
        // A silent prober or a full disk says nothing about the upgrade.
        if (isTestMachineError(failure)) throw failure;
        await this.#evidence(name);
        return { error: messageOf(failure) };
      }
    });
  }

  async #moveUnderTraffic({ cluster, to }: Move, standing: Standing): Promise<void> {
    const { disturb, deadlineMs } = this.#journal.settings;
    if (!disturb || to === "old") return this.#move(cluster, to);
    await disturbedMove(() => this.#move(cluster, to), standing, {
      mesh: this.#mesh,
      cluster: requireKind(this.#mesh.cluster(cluster), "a disturbance"),
      agnhostImage: this.#state.artifacts.agnhostImage,
      withinMs: deadlineMs,
      signal: this.#options.signal,
    });
  }

  async #preflight(): Promise<void> {
    const { settings, given } = this.#journal;
    if (!settings.preflight) return;
    const { artifacts, signal } = this.#options;
    for (const cluster of this.#mesh.clusters)
      await chartPreflight(
        cluster,
        artifacts.new,
        found(given[cluster.name], `values that ${cluster.name} was installed with`),
        signal,
      );
  }

  #suites(phase: Phase, { traffic }: Standing): ReturnType<typeof runPhaseSuites> {
    const { say, signal, dir } = this.#options;
    const { settings, command } = this.#journal;
    const { suites, full, accept } = settings;
    return runPhaseSuites(traffic, {
      lab: this.#state.lab,
      suites: phase.suites === "all" || full ? suites : betweenSuites,
      runId: folderName(phase.name),
      reportsDir: join(dir, "runs"),
      ...{ command, accept, say, signal },
    });
  }

  async #evidence(phase: string): Promise<void> {
    const evidence = await collectEvidence(this.#mesh, { logs: true });
    await writeEvidence(evidence, join(this.#options.dir, "artifacts", folderName(phase)));
  }

  #versions(): Record<string, string> {
    return Object.fromEntries(this.#mesh.clusters.map((c) => [c.name, c.ciliumVersion]));
  }

  /** After an error of the harness: the phase was not measured, but leaks until then were captured. */
  async #broken(failure: unknown): Promise<PhaseRecord> {
    const watched = this.#watchedUntil;
    const until = unixNowMs();
    const since = this.#sinceUnixMs ?? until;
    const started = this.#journal.startedAtUnixMs ?? since;
    if (this.#sinceUnixMs !== undefined) this.#sinceUnixMs = until;
    return {
      ...unmeasuredPhase(this.#journal.current, this.#versions()),
      startMs: Math.round(since - started),
      durationMs: Math.round(until - since),
      leaks: watched === null ? [] : await keptLeaks(leaksFile(this.#options.dir), watched),
      harness: [`the harness failed: ${messageOf(failure)}`],
    };
  }
}

const noSuites = { suites: [], harness: [] } as const;
