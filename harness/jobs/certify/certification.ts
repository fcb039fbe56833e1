import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Mesh } from "#harness/cluster/mesh.ts";
import { mergeValues, requireKindPlan } from "#harness/config/plan.ts";
import { collectEvidence, writeEvidence } from "#harness/evidence/evidence.ts";
import { persistentState } from "#harness/evidence/persistent-state.ts";
import { disturbances, unsampled } from "#harness/judge/host.ts";
import { changesOf } from "#harness/judge/persistent-state.ts";
import { formatMs, monotonicMs, unixNowMs } from "#harness/lib/clock.ts";
import { isTestMachineError, messageOf } from "#harness/lib/errors.ts";
import { pause, throwIfAborted } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { keptLeaks } from "#harness/measure/leaks.ts";
import { type Leak, type PhaseRecord, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { CertificationJournal } from "#harness/model/certification-journal.ts";
import type { KindLabPlan } from "#harness/model/lab-plan.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import type { PersistentState } from "#harness/model/persistent-state.ts";
import { redactionLines, redactionsIn } from "#harness/platform/report-redactions.ts";
import { HostWatch } from "#harness/platform/watch.ts";
import { writeCertification } from "#harness/state/certification-journal.ts";
import { reportsDir } from "#harness/testkit/run-dir.ts";
import { standingNamespace } from "#harness/workloads/standing-workload.ts";
import { describeCertificate } from "./certificate-of.ts";
import type { Certified } from "./certified.ts";
import { chartPreflight } from "./chart-preflight.ts";
import { compareCharts } from "./compare-charts.ts";
import { moveCluster, valuesFor } from "./move.ts";
import { type Phase, phasesOf, retreatOf, versionBefore } from "./phases.ts";
import { artifactsOf, type BothArtifacts, loadImages, type Side } from "./prepare.ts";
import { runPhaseSuites } from "./run-phase-suites.ts";
import { folderName, leaksFile, type Standing, startStanding } from "./standing.ts";
import { wholePersistentState } from "./whole-persistent-state.ts";
import { writeCertificate } from "./write-certificate.ts";

/** Suites to run with mixed versions: features that every mesh needs. */
const betweenSuites = ["global-service", "policy"];
/** How long a phase without a change is measured before its suites start, whose load would distort the figures. */
const quietMs = 20_000;
/** Factor by which the interval of the continuous traffic grows while suites run. */
const besideSuites = 20;
/** Time after a change whose late effects still count for it. */
const afterMs = 10_000;
/** Maximum delay of a captured packet. */
const flushMs = 1500;

export interface CertificationOptions {
  readonly artifacts: BothArtifacts;
  readonly state: LabState;
  readonly journal: CertificationJournal;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that measures, and the state that must not change. */
interface Watch {
  readonly standing: Standing;
  readonly host: HostWatch;
  readonly before: ReadonlyMap<string, PersistentState>;
}

/** One certification, from the current phase of its journal to its certificate. */
export class Certification {
  readonly #options: CertificationOptions;
  readonly #dir: string;
  readonly #phases: readonly Phase[];
  #state: LabState;
  #journal: CertificationJournal;
  /** Time up to which captures have been judged; saved to the journal together with the result. */
  #watchedUntil: number | null;
  /** Captured by an interrupted part and not judged yet. */
  #late: readonly Leak[] = [];

  constructor(options: CertificationOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#journal = options.journal;
    this.#watchedUntil = options.journal.watchedUntilUnixMs;
    this.#dir = join(reportsDir(), options.journal.runId);
    const { order, skipRollback } = options.journal.settings;
    this.#phases = phasesOf(order, skipRollback);
  }

  get #plan(): KindLabPlan {
    return requireKindPlan(this.#state.plan, "a certification");
  }

  get #mesh(): Mesh {
    return new Mesh(this.#state);
  }

  /** Every end except an interrupt yields a certificate. */
  async run(): Promise<Certified> {
    const { signal } = this.#options;
    await mkdir(join(this.#dir, "histories"), { recursive: true });
    await this.#note({});
    try {
      await this.#walk();
    } catch (failure) {
      throwIfAborted(signal, this.#journal.current);
      await this.#evidence(this.#journal.current).catch(() => {});
      await this.#keep(await this.#broken(failure));
    }
    const certificate = await describeCertificate(this.#journal, this.#plan, this.#options.artifacts);
    await writeCertificate(this.#dir, certificate);
    for (const line of redactionLines(await redactionsIn(this.#dir))) this.#options.say(line);
    return { certificate, dir: this.#dir };
  }

  async #walk(): Promise<void> {
    const { artifacts, progress, signal } = this.#options;
    await progress.step("load the new version's images onto the nodes", () =>
      loadImages(this.#mesh, artifacts.new, signal),
    );
    const first = this.#phases.findIndex((p) => p.name === this.#journal.current);
    await this.#goBackTo(first);
    if (first === 0) await this.#note({ findings: [...this.#journal.findings, ...(await this.#compare())] });
    const late = this.#watchedUntil === null ? [] : await keptLeaks(leaksFile(this.#dir), this.#watchedUntil);
    await using standing = await startStanding(this.#mesh, this.#dir, {
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
      this.#dir,
    );
    const before = await wholePersistentState(this.#mesh.clusters, standingNamespace, {
      withinMs: this.#state.plan.budgets.settleMs,
      signal,
    });
    const watch: Watch = { standing, host, before };
    for (const phase of this.#phases.slice(first)) {
      const record = await this.#pass(phase, watch);
      if (record.error === null) continue;
      this.#options.say(`  ${record.error}`);
      if (phase.change !== undefined) await this.#retreat(phase, phase.change.cluster, watch);
      break;
    }
    await standing.traffic.stop();
  }

  async #pass(phase: Phase, watch: Watch): Promise<PhaseRecord> {
    throwIfAborted(this.#options.signal, phase.name);
    // If interrupted during a retreat, it restarts with the failed phase.
    if (this.#phases.includes(phase)) await this.#note({ current: phase.name });
    const record = await this.#phase(phase, watch);
    const whole = { ...record, leaks: [...this.#late, ...record.leaks] };
    await this.#keep(whole);
    this.#late = [];
    return whole;
  }

  async #retreat(failed: Phase, cluster: string, watch: Watch): Promise<void> {
    const back = versionBefore(this.#phases, this.#phases.indexOf(failed), cluster);
    for (const phase of retreatOf(cluster, back)) if ((await this.#pass(phase, watch)).error !== null) return;
  }

  /** An interrupted change may be incomplete: returns its cluster to the previous version, unmeasured. */
  async #goBackTo(index: number): Promise<void> {
    const { change, name } = found(this.#phases[index], `phase ${index} of the certification`);
    if (change === undefined) return;
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

  async #keep(record: PhaseRecord): Promise<void> {
    await this.#note({
      done: [...this.#journal.done, record],
      watchedUntilUnixMs: this.#watchedUntil,
    });
    const lost = record.disruptions.reduce((sum, d) => sum + d.lost, 0);
    const gap = Math.max(0, ...record.disruptions.map((d) => (d.lost > 0 ? d.longestGapMs : 0)));
    const failed = record.suites.reduce((n, s) => n + s.failures.length, 0);
    this.#options.say(
      `${record.name}: ${formatMs(record.durationMs)}, ${lost} requests lost, longest gap ${gap} ms, ${record.leaks.length} leaks, ${failed} tests failed`,
    );
  }

  async #phase(phase: Phase, { standing, host, before }: Watch): Promise<PhaseRecord> {
    const { signal } = this.#options;
    const { traffic, leaks, events } = standing;
    const sinceMs = monotonicMs();
    const since = unixNowMs();
    const error = await this.#act(phase, standing);
    const until = unixNowMs();
    const untilMs = monotonicMs();
    const happened = events.between(since, until);
    const disruptions = traffic.disruptions(since, until, happened);
    const rig = [
      ...traffic.rigTroubles(since, until),
      ...disturbances(host.samples, this.#state.plan.rig, sinceMs, untilMs),
      ...unsampled(host.samples, this.#state.plan.rig, sinceMs, untilMs),
    ];
    const { changed, unread } = error === null ? await this.#changed(before) : { changed: [], unread: [] };
    const ran = error === null ? await this.#suites(phase, standing) : { suites: [], otherErrors: [] };
    const end = unixNowMs();
    // Each interval begins at the end of the last one, so that leaks between phases count.
    const watchedSince = this.#watchedUntil ?? since;
    this.#watchedUntil = end;
    await pause(flushMs, signal);
    return {
      name: phase.name,
      versions: this.#versions(),
      durationMs: Math.round(end - since),
      disruptions,
      deniedSent: traffic.deniedSent(since, end),
      // Also while suites run: denied traffic must always stay denied.
      leaks: leaks.leaks(watchedSince, end),
      events: happened,
      changed,
      suites: ran.suites,
      rig,
      unseen: [...unread, ...ran.otherErrors, ...leaks.troubles],
      error,
    };
  }

  /** Makes the phase's change; returns why it failed. */
  async #act({ name, change }: Phase, { traffic, events }: Standing): Promise<string | null> {
    const { progress, signal } = this.#options;
    return progress.step(name, async (step) => {
      try {
        if (change === undefined) {
          if (name === this.#phases[0]?.name) await this.#preflight();
          await pause(quietMs, signal);
          return null;
        }
        const version = artifactsOf(this.#options.artifacts, change.to, change.cluster).ciliumVersion;
        events.note(`helm upgrade of ${change.cluster} to ${version}`);
        await this.#move(change.cluster, change.to);
        events.note(`${change.cluster} runs ${version}`);
        step.detail("waiting for traffic to recover");
        await traffic.settled();
        await pause(afterMs, signal);
        return null;
      } catch (failure) {
        throwIfAborted(signal, name);
        // A silent prober or a full disk says nothing about the upgrade.
        if (isTestMachineError(failure)) throw failure;
        await this.#evidence(name);
        return messageOf(failure);
      }
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

  /** Changed state, after the mesh had time to settle: a pod may be unready for a moment. */
  async #changed(
    before: ReadonlyMap<string, PersistentState>,
  ): Promise<{ changed: string[]; unread: string[] }> {
    const { signal } = this.#options;
    const deadlineMs = monotonicMs() + this.#state.plan.budgets.settleMs;
    for (;;) {
      const changed: string[] = [];
      const unread: string[] = [];
      for (const cluster of this.#mesh.clusters) {
        const then = found(before.get(cluster.name), `state of ${cluster.name} before the phase`);
        await persistentState(cluster, standingNamespace, signal).then(
          (now) => changed.push(...changesOf(cluster.name, then, now)),
          (error: unknown) =>
            unread.push(`the persistent state of ${cluster.name} could not be read: ${messageOf(error)}`),
        );
      }
      if (changed.length + unread.length === 0 || monotonicMs() >= deadlineMs) return { changed, unread };
      await pause(1000, signal);
    }
  }

  async #suites(phase: Phase, { traffic }: Standing): ReturnType<typeof runPhaseSuites> {
    if (phase.suites === "none") return { suites: [], otherErrors: [] };
    const { say, signal } = this.#options;
    const { suites, full } = this.#journal.settings;
    // Not measured while suites run, because it would distort their figures.
    traffic.setIntervalFactor(besideSuites);
    try {
      return await runPhaseSuites({
        lab: this.#state.lab,
        suites: phase.suites === "all" || full ? suites : betweenSuites,
        runId: folderName(phase.name),
        reportsDir: join(this.#dir, "runs"),
        command: this.#journal.command,
        say,
        signal,
      });
    } finally {
      traffic.setIntervalFactor(1);
    }
  }

  async #evidence(phase: string): Promise<void> {
    const evidence = await collectEvidence(this.#mesh, { logs: true });
    await writeEvidence(evidence, join(this.#dir, "artifacts", folderName(phase)));
  }

  #versions(): Record<string, string> {
    return Object.fromEntries(this.#mesh.clusters.map((c) => [c.name, c.ciliumVersion]));
  }

  /** After an error of the harness: the phase was not measured, but leaks until then were captured. */
  async #broken(failure: unknown): Promise<PhaseRecord> {
    const since = this.#watchedUntil;
    return {
      ...unmeasuredPhase(this.#journal.current, this.#versions()),
      leaks: [...this.#late, ...(since === null ? [] : await keptLeaks(leaksFile(this.#dir), since))],
      rig: [`the harness failed: ${messageOf(failure)}`],
    };
  }

  /** Findings from comparing the charts; names the clusters if only some are affected. */
  async #compare(): Promise<string[]> {
    const { clusters } = this.#plan;
    const reported = await Promise.all(clusters.map((c) => this.#compareOf(c)));
    return [...new Set(reported.flat())].map((line) => {
      const whose = clusters.filter((_, i) => reported[i]?.includes(line)).map((c) => c.name);
      return whose.length === clusters.length ? line : `${whose.join(", ")}: ${line}`;
    });
  }

  async #compareOf({ name, values, kubernetes }: KindLabPlan["clusters"][number]): Promise<string[]> {
    const { artifacts, signal } = this.#options;
    const side = (of: Side) => ({
      chartDir: artifactsOf(artifacts, of, name).chartDir,
      values: valuesFor(this.#journal, artifacts, name, of),
    });
    const findings = await compareCharts({
      helm: artifacts.old.tools.helm,
      from: side("old"),
      to: side("new"),
      own: mergeValues(values, this.#journal.settings.newValues),
      kubernetes,
      signal,
    });
    return findings.map((f) => f.message);
  }
}
