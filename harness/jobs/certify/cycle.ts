import { formatMs } from "#harness/lib/clock.ts";
import { isTestMachineError, isUserError, messageOf } from "#harness/lib/errors.ts";
import { throwIfAborted } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { given } from "#harness/lib/given.ts";
import type { Progress } from "#harness/lib/progress.ts";
import { type Leak, type PhaseRecord, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { CertificationJournal, CycleBeginning } from "#harness/model/certification-journal.ts";
import { storedVersionFindings } from "./crd-preflight.ts";
import type { Changed, CycleWatch, CycleWorld } from "./cycle-world.ts";
import { type Phase, phasesOf, retreatOf, versionBefore } from "./phases.ts";
import { describePhase, inFlightMs, type Observed } from "./record-phase.ts";
import { besideSuites } from "./run-phase-suites.ts";

/** How long a phase without a change is measured. */
const quietMs = 20_000;
/** Time after a change whose late effects still count for it. */
const afterMs = 10_000;
/** No phase begins after so much time in phases; windows of suites may take as long again. */
const longestCycleMs = 3_600_000;

export interface CycleOptions {
  readonly world: CycleWorld;
  readonly journal: CertificationJournal;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Acted {
  readonly error: string | null;
  readonly changeMs: number | undefined;
}

/** One cycle, from the current phase of its journal to its last one. */
export class Cycle {
  readonly #options: CycleOptions;
  readonly #phases: readonly Phase[];
  readonly #world: CycleWorld;
  #journal: CertificationJournal;
  /** The end of what was recorded: the next phase begins there. */
  #sinceUnixMs: number | undefined;
  /** Time up to which captures have been judged; saved to the journal together with the result. */
  #watchedUntil: number | null;
  /** What differed from the beginning when it was last read; saved together with the phase that reports it. */
  #differing: readonly string[];
  /** Captured by an interrupted part and not judged yet. */
  #late: readonly Leak[] = [];

  constructor(options: CycleOptions) {
    this.#options = options;
    this.#world = options.world;
    this.#journal = options.journal;
    this.#watchedUntil = options.journal.watchedUntilUnixMs;
    this.#differing = options.journal.differing;
    this.#phases = phasesOf(options.journal.settings, options.journal.cycle === 1);
  }

  /** Every end except an interrupt, and a wrong setting found before anything moved, yields a journal to be judged. */
  async run(): Promise<CertificationJournal> {
    const { signal } = this.#options;
    await this.#note({});
    try {
      await this.#walk();
    } catch (failure) {
      throwIfAborted(signal, this.#journal.current);
      if (this.#journal.startedAtUnixMs === null && isUserError(failure)) {
        await this.#world.forget();
        throw failure;
      }
      await this.#world.evidence(this.#journal.current).catch(() => {});
      await this.#keep(await this.#broken(failure));
    }
    return this.#journal;
  }

  async #walk(): Promise<void> {
    await this.#world.prepare();
    const first = this.#firstPhase();
    await this.#goBackTo(first);
    if (this.#journal.startedAtUnixMs === null)
      await this.#note({ findings: await this.#world.findings(this.#journal) });
    const late = this.#watchedUntil === null ? [] : await this.#world.keptLeaks(this.#watchedUntil);
    await using watch = await this.#world.watch(this.#journal, async (protectedUnixMs) => {
      // Saved at once if nothing is to be judged yet, so that a kill in the first phase loses no leak.
      if (this.#watchedUntil === null) await this.#note({ watchedUntilUnixMs: protectedUnixMs });
      this.#watchedUntil = protectedUnixMs;
      this.#late = late;
    });
    if (this.#journal.identity === null) await this.#note({ identity: await watch.identity(this.#journal) });
    await this.#begin(watch.beginning);
    await this.#pass(this.#phases.slice(first), watch);
    await watch.stop();
    await this.#noteStoredVersions(watch.beginning);
  }

  /** The phase to go on with: a kill may fall between the record of a phase and the name of the next one. */
  #firstPhase(): number {
    const { current, done, suiteWindows } = this.#journal;
    const at = this.#phases.findIndex((p) => p.name === current);
    found(this.#phases[at], `phase "${current}" of the cycle`);
    return [...done, ...suiteWindows].some((p) => p.name === current && p.error === null) ? at + 1 : at;
  }

  /** What the whole cycle changed, once: a kill may fall between this and the end of the command. */
  async #noteStoredVersions({ crds }: CycleBeginning): Promise<void> {
    const changes = storedVersionFindings(new Map(Object.entries(crds)), await this.#world.crds());
    const { forth, back } = this.#journal.findings;
    const noted = new Set(forth.map((f) => f.message));
    await this.#note({
      findings: { forth: [...forth, ...changes.filter((c) => !noted.has(c.message))], back },
    });
  }

  /** From now on everything is recorded. Since the last phase of an interrupted command nothing was. */
  async #begin(beginning: CycleBeginning): Promise<void> {
    const now = this.#world.nowUnixMs();
    const { startedAtUnixMs: started, recordedUntilUnixMs: recorded, current } = this.#journal;
    if (started === null) await this.#note({ startedAtUnixMs: now, recordedUntilUnixMs: now, beginning });
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

  async #pass(phases: readonly Phase[], watch: CycleWatch): Promise<void> {
    for (const phase of phases) {
      throwIfAborted(this.#options.signal, phase.name);
      // If interrupted during a retreat, it restarts with the failed phase. A retreat is never too late.
      const isRetreat = !this.#phases.includes(phase);
      if (!isRetreat) await this.#note({ current: phase.name });
      if (!isRetreat && this.#takesTooLong()) {
        const name = `from "${phase.name}" on`;
        await this.#keep({
          ...unmeasuredPhase(name, this.#world.versions()),
          startMs: Math.round(this.#elapsedMs()),
          harness: [
            `no phase was begun any more: the cycle takes more than ${formatMs(longestCycleMs)} beside its suites`,
          ],
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
    const { interruptions, suiteWindows } = this.#journal;
    const otherMs = [...interruptions, ...suiteWindows].reduce((sum, i) => sum + i.durationMs, 0);
    return this.#elapsedMs() - otherMs > longestCycleMs;
  }

  /** Since the baseline began. */
  #elapsedMs(): number {
    const now = this.#world.nowUnixMs();
    return now - (this.#journal.startedAtUnixMs ?? now);
  }

  /** An interrupted change may be incomplete: returns its cluster to the previous version, unmeasured. */
  async #goBackTo(index: number): Promise<void> {
    // All phases may be done.
    const { change, name } = this.#phases[index] ?? {};
    if (change === undefined || this.#journal.startedAtUnixMs === null) return;
    const to = versionBefore(this.#phases, index, change.cluster);
    await this.#options.progress.step(`return ${change.cluster} to its version before "${name}"`, () =>
      this.#world.move({ cluster: change.cluster, to }, this.#journal),
    );
  }

  async #note(news: Partial<CertificationJournal>): Promise<void> {
    this.#journal = { ...this.#journal, ...news };
    await this.#world.save(this.#journal);
  }

  async #keep(record: PhaseRecord, intervalFactor?: number): Promise<void> {
    const whole = { ...record, leaks: [...this.#late, ...record.leaks] };
    const { done, suiteWindows } = this.#journal;
    await this.#note({
      ...(intervalFactor === undefined
        ? { done: [...done, whole] }
        : { suiteWindows: [...suiteWindows, { ...whole, intervalFactor }] }),
      watchedUntilUnixMs: this.#watchedUntil,
      differing: this.#differing,
      recordedUntilUnixMs: this.#sinceUnixMs ?? this.#journal.recordedUntilUnixMs,
    });
    this.#late = [];
    this.#options.say(describePhase(whole));
  }

  async #phase(phase: Phase, watch: CycleWatch): Promise<PhaseRecord> {
    const ended =
      phase.suites === undefined
        ? { ...(await this.#act(phase, watch)), suites: [], harness: [] }
        : { error: null, changeMs: undefined, ...(await watch.suites(phase, this.#journal)) };
    const { changed, unread } =
      ended.error === null && phase.suites === undefined
        ? await this.#changed(watch)
        : { changed: [], unread: [] };
    const seen = await this.#recorded(watch);
    const record: PhaseRecord = {
      name: phase.name,
      change: phase.change ?? null,
      versions: this.#world.versions(),
      ...seen,
      ...given({ changeMs: ended.changeMs }),
      // Suites load the machine; their own runs say whether that disturbed them.
      ...(phase.suites === undefined ? {} : { measuredMs: 0, rig: [] }),
      changed: [...changed],
      suites: ended.suites,
      harness: [...ended.harness],
      unseen: [...unread, ...seen.unseen],
      error: ended.error,
    };
    await this.#keep(record, phase.suites === undefined ? undefined : besideSuites);
    return record;
  }

  /** What differs from the beginning since the last phase: one change is reported once, also by a resumed cycle. */
  async #changed(watch: CycleWatch): Promise<Changed> {
    const known = this.#differing;
    const { changed, unread } = await watch.changed(known);
    // What could not be read has not healed.
    this.#differing = unread.length === 0 ? changed : [...new Set([...known, ...changed])];
    return { changed: changed.filter((c) => !known.includes(c)), unread };
  }

  /** Ends the current interval; the next one begins at once, while the results of the last requests arrive. */
  async #recorded(watch: CycleWatch): Promise<Observed> {
    const until = this.#world.nowUnixMs();
    const since = this.#sinceUnixMs ?? until;
    const watchedSince = this.#watchedUntil ?? since;
    this.#sinceUnixMs = until;
    this.#watchedUntil = until;
    await this.#world.pause(inFlightMs);
    const startedAtUnixMs = this.#journal.startedAtUnixMs ?? since;
    return watch.observed({ since, until, watchedSince, startedAtUnixMs });
  }

  /** Makes the phase's change; returns why it failed, or how long it took: without the traffic's recovery after it. */
  async #act({ name, change }: Phase, watch: CycleWatch): Promise<Acted> {
    const { progress, signal } = this.#options;
    const { disturb, preflight, deadlineMs } = this.#journal.settings;
    return progress.step(name, async (step) => {
      try {
        if (change === undefined) {
          if (preflight && name === this.#phases[0]?.name) await this.#world.preflight(this.#journal);
          await this.#world.pause(quietMs);
          return { error: null, changeMs: undefined };
        }
        const version = this.#world.versionAfter(change);
        watch.note(`helm upgrade of ${change.cluster} to ${version}`, change.cluster);
        let changeMs: number | undefined;
        const move = async (): Promise<void> => {
          const begunMs = this.#world.nowUnixMs();
          await this.#world.move(change, this.#journal);
          changeMs = Math.round(this.#world.nowUnixMs() - begunMs);
        };
        await (disturb && change.to === "new" ? watch.disturbing(change, deadlineMs, move) : move());
        watch.note(`${change.cluster} runs ${version}`, change.cluster);
        step.detail("waiting for traffic to recover");
        await watch.settled();
        await this.#world.pause(afterMs);
        return { error: null, changeMs };
      } catch (failure) {
        throwIfAborted(signal, name);
        // A silent prober or a full disk says nothing about the upgrade.
        if (isTestMachineError(failure)) throw failure;
        await this.#world.evidence(name);
        return { error: messageOf(failure), changeMs: undefined };
      }
    });
  }

  /** After an error of the harness: the phase was not measured, but leaks until then were captured. */
  async #broken(failure: unknown): Promise<PhaseRecord> {
    const watched = this.#watchedUntil;
    const until = this.#world.nowUnixMs();
    const since = this.#sinceUnixMs ?? until;
    const started = this.#journal.startedAtUnixMs ?? since;
    if (this.#sinceUnixMs !== undefined) this.#sinceUnixMs = until;
    return {
      ...unmeasuredPhase(this.#journal.current, this.#world.versions()),
      startMs: Math.round(since - started),
      durationMs: Math.round(until - since),
      leaks: watched === null ? [] : await this.#world.keptLeaks(watched),
      harness: [`the harness failed: ${messageOf(failure)}`],
    };
  }
}
