import fc from "fast-check";
import { expect, test } from "vitest";
import {
  keyOf,
  nextLab,
  onlyRuns,
  type RunsSoFar,
  type ScheduledLab,
  type ScheduledRun,
  type ScheduleRow,
  scheduleOf,
} from "./schedule.ts";

const row = fc
  .record({
    suite: fc.constantFrom("failover", "failover-mesh", "failover-rollout"),
    setting: fc.constantFrom("tuned", "untuned"),
    labs: fc.integer({ min: 1, max: 6 }),
    more: fc.integer({ min: 0, max: 20 }),
    directions: fc.constantFrom(1, 2, 6),
  })
  .map(({ more, ...r }) => ({ ...r, runs: r.labs + more }));
const rows = fc
  .array(row, { minLength: 1, maxLength: 8 })
  .map((all): ScheduleRow[] => all.map((r, i) => ({ ...r, name: `row ${i}` })));
const options = fc.record({ seed: fc.nat(), runsPerSetUp: fc.integer({ min: 1, max: 6 }) });

const runsOf = (lab: ScheduledLab): ScheduledRun[] => lab.batches.flatMap((b) => [...b.runs]);
const none: RunsSoFar = { done: new Set(), failedAttempts: new Map(), lastLab: 0 };

test("every row reaches its runs, evenly over as many labs as it needs, in both directions alike", () => {
  fc.assert(
    fc.property(rows, options, (all, o) => {
      const schedule = scheduleOf(all, o);
      expect(new Set(schedule.flatMap(runsOf).map(keyOf)).size).toBe(schedule.flatMap(runsOf).length);
      for (const r of all) {
        const own = schedule.map((lab) => runsOf(lab).filter((run) => run.row === r.name));
        const shares = own.map((runs) => runs.length).filter((n) => n > 0);
        expect(
          own
            .flat()
            .map((run) => run.run)
            .sort((a, b) => a - b),
        ).toEqual(Array.from({ length: r.runs }, (_, i) => i + 1));
        expect(shares).toHaveLength(r.labs);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        const directions = Array.from(
          { length: r.directions },
          (_, d) => own.flat().filter((run) => run.direction === d).length,
        );
        expect(Math.max(...directions) - Math.min(...directions)).toBeLessThanOrEqual(1);
        for (const [i, lab] of schedule.entries())
          if ((own[i] ?? []).length > 0) expect(lab.setting).toBe(r.setting);
      }
    }),
  );
});

test("a setting has as many labs as its most demanding row, and each has something to do", () => {
  fc.assert(
    fc.property(rows, options, (all, o) => {
      const schedule = scheduleOf(all, o);
      for (const [setting, own] of Map.groupBy(all, (r) => r.setting))
        expect(schedule.filter((lab) => lab.setting === setting)).toHaveLength(
          Math.max(...own.map((r) => r.labs)),
        );
      expect(schedule.map((lab) => lab.lab)).toEqual(schedule.map((_, i) => i + 1));
      for (const lab of schedule) {
        expect(lab.batches.length).toBeGreaterThan(0);
        for (const batch of lab.batches) {
          expect(batch.runs.length).toBeGreaterThan(0);
          expect(batch.runs.length).toBeLessThanOrEqual(o.runsPerSetUp);
          for (const run of batch.runs) expect(all.find((r) => r.name === run.row)?.suite).toBe(batch.suite);
        }
      }
    }),
  );
});

test("the order depends on the seed alone, and on it it does depend", () => {
  fc.assert(
    fc.property(rows, options, (all, o) => {
      expect(scheduleOf(all, o)).toEqual(scheduleOf(all, o));
    }),
  );
  const all: ScheduleRow[] = [1, 2, 3, 4].map((i) => ({
    name: `row ${i}`,
    suite: `suite-${i % 2}`,
    setting: "tuned",
    runs: 20,
    labs: 5,
    directions: 2,
  }));
  const orders = new Set(
    Array.from({ length: 20 }, (_, seed) => JSON.stringify(scheduleOf(all, { seed, runsPerSetUp: 4 }))),
  );
  expect(orders.size).toBe(20);
});

/** Everything that a command would measure after a state, if each run then gives a figure at once. */
function restOf(schedule: readonly ScheduledLab[], soFar: RunsSoFar, attempts = 3): ScheduledLab[] {
  const done = new Set(soFar.done);
  const visits: ScheduledLab[] = [];
  for (let lastLab = soFar.lastLab; ; ) {
    const next = nextLab(schedule, { ...soFar, done, lastLab }, attempts);
    if (next === undefined) return visits;
    visits.push(next);
    lastLab = Math.max(lastLab, next.lab);
    for (const run of runsOf(next)) done.add(keyOf(run));
  }
}

test("with any subset done, a resumed campaign measures exactly the rest, in the same order", () => {
  fc.assert(
    fc.property(rows, options, fc.infiniteStream(fc.boolean()), (all, o, isDone) => {
      const schedule = scheduleOf(all, o);
      const done = new Set(
        schedule
          .flatMap(runsOf)
          .filter(() => isDone.next().value)
          .map(keyOf),
      );
      const rest = restOf(schedule, { ...none, done });
      expect(rest).toEqual(
        schedule
          .map((lab) => ({ ...lab, batches: onlyRuns(lab.batches, (run) => !done.has(keyOf(run))) }))
          .filter((lab) => lab.batches.length > 0),
      );
    }),
  );
});

test("runs without a figure are repeated last, in one further lab of each setting, until their attempts are used", () => {
  fc.assert(
    fc.property(rows, options, fc.infiniteStream(fc.nat(3)), (all, o, tries) => {
      const schedule = scheduleOf(all, o);
      const failedAttempts = new Map(schedule.flatMap(runsOf).map((run) => [keyOf(run), tries.next().value]));
      const rest = restOf(schedule, { ...none, failedAttempts });
      const order = rest.map((lab) => runsOf(lab).map((run) => failedAttempts.get(keyOf(run)) ?? 0));
      const open = [...failedAttempts].filter(([, n]) => n < 3).map(([key]) => key);
      expect(rest.flatMap(runsOf).map(keyOf).sort()).toEqual(open.sort());
      // New runs first; a lab has either new runs or repeated ones.
      const isAgain = order.map((tried) => tried.every((n) => n > 0));
      expect(order.every((tried, i) => isAgain[i] || tried.every((n) => n === 0))).toBe(true);
      expect([...isAgain].sort()).toEqual(isAgain);
      const again = rest.filter((_, i) => isAgain[i]);
      expect(new Set(again.map((lab) => lab.setting)).size).toBe(again.length);
      for (const lab of again) expect(lab.lab).toBeGreaterThan(schedule.length);
    }),
  );
});
