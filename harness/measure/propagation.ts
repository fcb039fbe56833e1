import type { Cluster } from "#harness/cluster/cluster.ts";
import { errorOf, firstAnswer, lastAnswer, qualityOf } from "#harness/judge/timing.ts";
import type { KindRef, KubeObject } from "#harness/kube/kube.ts";
import { unixNowMs } from "#harness/lib/clock.ts";
import { pause } from "#harness/lib/eventually.ts";
import { found } from "#harness/lib/found.ts";
import { hundredths } from "#harness/lib/stats.ts";
import type { History } from "#harness/model/history.ts";
import type { Observation, ProberQuality } from "#harness/model/timing.ts";
import { prioritiseSelf } from "#harness/platform/priority.ts";
import { byPods, described, type Flow, type Traffics } from "./node-traffic.ts";

/** One write to the API server, and its effect on the clients of another cluster. */
export interface Step {
  /** Row of the table for the first answer of the new pods; absent if nothing may answer afterwards. */
  readonly starts?: string;
  /** Row for the last answer of the previous ones; absent if nothing answered before. */
  readonly ends?: string;
  /** Returns the object as the API server stored it; undefined for a deletion. */
  readonly write: (round: number) => Promise<KubeObject | undefined>;
  /** The pods that must answer a client afterwards; none: no request may be answered. */
  readonly answeredBy: (flow: Flow) => readonly string[];
}

export interface PropagationOptions {
  /** The cluster whose API server is written to. */
  readonly of: Cluster;
  /** What is written: a watch gives the events' own times. */
  readonly kind: KindRef;
  readonly namespace: string;
  /** In turn; the state before the first is that after the last. */
  readonly steps: readonly Step[];
  readonly rounds: number;
  readonly traffic: Traffics;
  readonly withinMs: number;
  readonly quietMs: number;
  readonly signal: AbortSignal;
}

export interface Propagation {
  readonly observations: readonly Observation[];
  readonly probers: readonly ProberQuality[];
  readonly histories: readonly History[];
  /** The vantage points whose requests did not go as expected when the last change was waited for. */
  readonly unsettled: readonly string[];
}

interface Done {
  readonly step: Step;
  readonly round: number;
  readonly before: Step;
  readonly begunUnixMs: number;
  readonly returnedUnixMs: number;
  readonly untilUnixMs: number;
  readonly eventUnixMs: () => number | undefined;
}

/** Longest pause before a write, so that writes do not keep step with the timers of components. */
const spreadMs = 300;

/**
 * Writes the steps in turn, waits after each until all clients see it, and returns when each of them did. Stops at the
 * first step that they do not see in time: the next one would begin in an unknown state.
 */
export async function measurePropagation(options: PropagationOptions): Promise<Propagation> {
  const { of, steps, rounds, traffic, withinMs, quietMs, signal } = options;
  await using events = new WriteEvents(of, options.kind, options.namespace);
  await using _first = await prioritiseSelf();
  const last = found(steps.at(-1), "step of a propagation");
  const startedUnixMs = unixNowMs();
  const goAs = (step: Step, sinceUnixMs: number): Promise<readonly Flow[]> =>
    traffic.goAs(traffic.flows, (flow) => byPods(step.answeredBy(flow)), { sinceUnixMs, quietMs, withinMs });
  let open = await goAs(last, startedUnixMs);
  const done: Done[] = [];
  let before = last;
  for (let round = 1; open.length === 0 && round <= rounds; round++)
    for (const step of steps) {
      if (open.length > 0) break;
      await pause(Math.random() * spreadMs, signal);
      const begunUnixMs = unixNowMs();
      const object = await step.write(round);
      const returnedUnixMs = unixNowMs();
      traffic.mark(`${step.starts ?? step.ends ?? "change"}, round ${round}`, returnedUnixMs);
      open = await goAs(step, returnedUnixMs);
      const untilUnixMs = unixNowMs();
      const eventUnixMs = () => events.timeOf(object, begunUnixMs);
      done.push({ step, round, before, begunUnixMs, returnedUnixMs, untilUnixMs, eventUnixMs });
      before = step;
    }
  await traffic.stop();
  const histories = await traffic.histories();
  return {
    observations: done.flatMap((d) => observationsOf(d, options, histories)),
    probers: [...histories.values()].map((h) => qualityOf(h, startedUnixMs)),
    histories: [...histories.values()],
    unsettled: open.map(described),
  };
}

function observationsOf(
  done: Done,
  { of, quietMs }: PropagationOptions,
  histories: ReadonlyMap<Flow, History>,
): Observation[] {
  const { step, before, round, returnedUnixMs, untilUnixMs } = done;
  const window = { sinceUnixMs: returnedUnixMs, untilUnixMs };
  const eventUnixMs = done.eventUnixMs();
  const observations: Observation[] = [];
  for (const [flow, history] of histories) {
    const keep = (what: string, value: number | undefined): void =>
      void observations.push({
        what,
        unit: "ms",
        value: value ?? null,
        watchedMs: hundredths(untilUnixMs - returnedUnixMs),
        errorMs: errorOf(history),
        of: of.name,
        at: flow.at,
        round,
        evidence: {
          writeBegunMs: hundredths(done.begunUnixMs - returnedUnixMs),
          eventMs: eventUnixMs === undefined ? null : hundredths(eventUnixMs - returnedUnixMs),
        },
      });
    // An answer may come before the API server's own does.
    const pods = (s: Step): ReadonlySet<string> => new Set(s.answeredBy(flow));
    if (step.starts !== undefined) {
      const offset = returnedUnixMs - done.begunUnixMs;
      const first = firstAnswer(history, pods(step), { ...window, sinceUnixMs: done.begunUnixMs });
      keep(step.starts, first === undefined ? undefined : hundredths(first - offset));
    }
    if (step.ends !== undefined) keep(step.ends, lastAnswer(history, pods(before), window, quietMs / 2));
  }
  return observations;
}

/** When a watch of the API server delivered each version of some objects, and their deletions. */
class WriteEvents implements AsyncDisposable {
  readonly #versions = new Map<string, number>();
  readonly #deletedUnixMs: number[] = [];
  readonly #stop = new AbortController();

  constructor({ kube }: Cluster, kind: KindRef, namespace: string) {
    let present = new Set<string>();
    void kube.follow(
      kind,
      { namespace },
      (objects) => {
        const atUnixMs = unixNowMs();
        for (const { metadata } of objects) {
          const version = metadata.resourceVersion ?? "";
          if (!this.#versions.has(version)) this.#versions.set(version, atUnixMs);
        }
        const now = new Set(objects.map((o) => o.metadata.uid ?? ""));
        if (!present.isSubsetOf(now)) this.#deletedUnixMs.push(atUnixMs);
        present = now;
      },
      this.#stop.signal,
    );
  }

  /** Of a version, or of the first deletion after a time; undefined if the watch delivered neither. */
  timeOf(object: KubeObject | undefined, sinceUnixMs: number): number | undefined {
    return object === undefined
      ? this.#deletedUnixMs.find((t) => t >= sinceUnixMs)
      : this.#versions.get(object.metadata.resourceVersion ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
  }
}
