import { eventsOf, type TimedRow, timedRow } from "#harness/judge/timed-rows.ts";
import { found } from "#harness/lib/found.ts";
import type { PublishedRun, TimingTopic } from "#harness/model/timing.ts";
import { topics } from "./topics.ts";

/** A row of a page: what was seen under one name in one setting. */
export interface Row extends TimedRow {
  readonly run: PublishedRun;
  /** What may be pooled has the same number. */
  readonly pool: number;
  readonly tuned: boolean;
  readonly labs: number;
  readonly what: string;
  /** How long the longest event was watched, in milliseconds: METHOD, rule 5, asks for fewer of those that take long. */
  readonly runMs: number;
}

/** Only times with equal hashes of setting and sources are pooled. */
export function rowsOf(runs: readonly PublishedRun[], topic: TimingTopic): Row[] {
  const all = runs.flatMap((run) => run.timings.map((timing) => ({ run, timing })));
  const own = all.filter(({ timing }) => timing.topic === topic);
  const pools = Map.groupBy(own, ({ run, timing: { identity } }) =>
    JSON.stringify([run.cilium, identity.settingHash, identity.sourceHash]),
  );
  return [...pools.values()].flatMap((pool, at) => {
    const first = found(pool[0], `times of ${topic}`);
    return namesOf(
      pool.flatMap(({ timing }) => timing.observations.map((o) => o.what)),
      topic,
    ).map((what) => {
      const having = pool
        .map(({ timing }) => ({ timing, seen: timing.observations.filter((o) => o.what === what) }))
        .filter(({ seen }) => seen.length > 0);
      return {
        ...timedRow(having.flatMap(({ seen }) => eventsOf(seen))),
        run: first.run,
        pool: at,
        tuned: first.timing.identity.tuned,
        labs: new Set(having.map(({ timing }) => timing.identity.lab)).size,
        what,
        runMs: Math.max(...having.flatMap(({ seen }) => seen.map((o) => o.watchedMs))),
      };
    });
  });
}

/** In the order of their first appearance, those that answer the page's question first. */
function namesOf(all: readonly string[], topic: TimingTopic): string[] {
  const names = [...new Set(all)];
  const isFirst = (what: string): boolean => what.startsWith(topics[topic].first ?? "");
  return [...names.filter(isFirst), ...names.filter((what) => !isFirst(what))];
}
