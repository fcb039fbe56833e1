import { exampleMeasurement } from "#harness/model/examples.ts";
import type { LossRecord, WindowRecord } from "#harness/model/loss-record.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { FreshLab, RunResult, World } from "./campaign.ts";
import { keyOf, type ScheduledRun } from "./schedule.ts";
import type { ResolvedRow } from "./titles.ts";

/** For unit tests: labs and runs that only exist as counters. */

/** What the process would be ended by; nothing of it runs after that. */
export class Killed extends Error {}

const window: WindowRecord = {
  sinceMs: 0,
  untilMs: 6000,
  runs: "g1200@0~600000",
  latency: null,
  answers: {},
  prober: { latenessP99Ms: 1, latenessMaxMs: 2, controlSent: 100, controlLost: 0 },
};

export function exampleLossRecord(m: Omit<Measurement, "outcome">): LossRecord {
  return {
    format: "meshproof-losses/1",
    method: m.method,
    runId: m.runId,
    at: m.at,
    scenario: m.scenario,
    affinity: m.affinity,
    struck: m.struck,
    client: m.client,
    faultUnixMs: 0,
    healingUnixMs: 6000,
    rig: { latenessP99Ms: 200, stallMs: 1000, controlLossShare: 0.01 },
    chain: { path: [], events: [] },
    points: [
      {
        title: "main",
        vantage: "east/worker",
        target: "10.0.0.1:80",
        cluster: "east",
        connection: "new",
        everyMs: 5,
        timeoutMs: 1000,
        startedAtUnixMs: 0,
        clockErrorMs: 0,
        cpuShare: 0.1,
        missing: 0,
        before: window,
        away: window,
        back: window,
        expected: {},
      },
    ],
  };
}

/** A row of a plan that nothing was resolved for. */
export const exampleRow = (change: Partial<ResolvedRow> = {}): ResolvedRow => {
  const { name = "scale to zero, affinity local", runs = 4, labs = 2, ...others } = change;
  return {
    name,
    runs,
    labs,
    suite: "failover",
    setting: "tuned",
    directions: 2,
    titles: ["east -> west > x", "west -> east > x"],
    plan: { scenario: "scale to zero", affinity: "local", application: "exits", runs, labs, seconds: 60 },
    ...others,
  };
};

export interface FakeWorld extends World {
  /** How often each run was begun. */
  readonly begun: Map<string, number>;
  /** Runs whose result was passed on completely. */
  readonly reported: { readonly key: string; readonly result: RunResult }[];
  readonly created: string[];
  readonly removed: string[];
}

export interface FakeOptions {
  /** Called at every step of the protocol; throws `Killed` to end the process there. */
  readonly step?: (what: string) => void;
  /** How a run ends, by its key and how often it was begun before. */
  readonly outcomeOf?: (key: string, before: number) => RunResult["outcome"] | "no figure" | "not run";
  /** Whether the end of a batch shows that the run was spoiled. */
  readonly isSpoiledLater?: (key: string, before: number) => boolean;
  /** What a run measures besides the example. */
  readonly measurementOf?: (run: ScheduledRun) => Partial<Measurement>;
}

export function fakeWorld(options: FakeOptions = {}): FakeWorld {
  const { step = () => {}, outcomeOf = () => "pass" } = options;
  const world: Omit<FakeWorld, "withFreshLab"> = {
    begun: new Map(),
    reported: [],
    created: [],
    removed: [],
  };
  let standing: string | undefined;
  const remove = (): void => {
    if (standing !== undefined) world.removed.push(standing);
    standing = undefined;
  };
  return {
    ...world,
    async withFreshLab(setting, signal, work) {
      // Left by a killed process.
      remove();
      step("lab is created");
      standing = `${setting} ${world.created.length + 1}`;
      world.created.push(standing);
      step("lab was created");
      try {
        await work(labOf(world, standing, options, outcomeOf, step), signal);
      } catch (error) {
        if (!(error instanceof Killed)) remove();
        throw error;
      }
      step("lab is removed");
      remove();
      step("lab was removed");
    },
  };
}

function labOf(
  world: Omit<FakeWorld, "withFreshLab">,
  id: string,
  { isSpoiledLater = () => false, measurementOf = () => ({}) }: FakeOptions,
  ...[outcomeOf, step]: [NonNullable<FakeOptions["outcomeOf"]>, NonNullable<FakeOptions["step"]>]
): FreshLab {
  return {
    id,
    createdMs: 200_000,
    async measure({ runs }, onRun, signal) {
      const spoiled: ScheduledRun[] = [];
      for (const run of runs) {
        if (signal.aborted) break;
        const key = keyOf(run);
        const before = world.begun.get(key) ?? 0;
        const outcome = outcomeOf(key, before);
        if (outcome === "not run") continue;
        world.begun.set(key, before + 1);
        step("run begins");
        const at = `${key}, attempt ${before + 1}`;
        const measurement = exampleMeasurement({ ...measurementOf(run), runId: id, at });
        const result: RunResult =
          outcome === "no figure"
            ? { outcome: "fail", ms: 30_000, reasons: ["traffic never became stable\nmore"] }
            : { outcome, ms: 30_000, reasons: [], measurement, losses: exampleLossRecord(measurement) };
        step("run ended");
        const next = onRun(run, result);
        world.reported.push({ key, result });
        if (result.outcome === "pass" && isSpoiledLater(key, before)) spoiled.push(run);
        if (next === "stop") break;
      }
      return spoiled;
    },
  };
}
