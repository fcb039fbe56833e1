import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { atLeast, atMost, lowerBound, upperBound } from "./binomial.ts";
import { simulatedCoverage, simulatedFalseAlarms } from "./coverage.ts";
import { distributionOf } from "./distribution.ts";
import { bootstrapLabs, medianInterval } from "./median-interval.ts";
import { permutationTest } from "./permutation-test.ts";
import { seededRandom } from "./random.ts";
import { answersForShares, shareBand } from "./shares.ts";
import { median } from "./stats.ts";

describe("binomial bounds", () => {
  test.each([
    [60, 100, 0.5, 0.028443966820490395],
    [10, 10, 0.5, 1 / 1024],
    [0, 10, 0.5, 1],
    [11, 10, 0.5, 0],
    [1, 3, 0.1, 0.271],
  ])("at least %i of %i at %d", (k, n, p, expected) => {
    expect(atLeast(k, n, p)).toBeCloseTo(expected, 12);
    expect(atMost(n - k, n, 1 - p)).toBeCloseTo(expected, 12);
  });

  test.each([
    [0, 3, 0.6316],
    [0, 5, 0.4507],
    [0, 20, 0.1391],
    [2, 10, 0.5069],
    [3, 3, 1],
  ])("%i events in %i runs", (events, n, bound) => {
    expect(upperBound(events, n)).toBeCloseTo(bound, 4);
  });

  test.each([
    [0, 3, 0],
    [2, 2, 0.2236],
    [5, 5, 0.5493],
    [8, 10, 0.4931],
  ])("%i events in %i runs, from below", (events, n, bound) => {
    expect(lowerBound(events, n)).toBeCloseTo(bound, 4);
  });

  test("a tail and its complement make one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, p, at) => {
          const k = Math.floor(at * n);
          expect(atLeast(k + 1, n, p) + atMost(k, n, p)).toBeCloseTo(1, 9);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("shares", () => {
  test("the band is exact: its false alarms are at most as likely as stated, and narrower ones are likelier", () => {
    for (const [n, p] of [
      [1350, 0.5],
      [4104, 0.25],
      [500, 0.2],
    ] as const) {
      const { low, high } = shareBand(n, p, 1e-6);
      expect(atMost(low - 1, n, p)).toBeLessThanOrEqual(0.5e-6);
      expect(atMost(low, n, p)).toBeGreaterThan(0.5e-6);
      expect(atLeast(high + 1, n, p)).toBeLessThanOrEqual(0.5e-6);
      expect(atLeast(high, n, p)).toBeGreaterThan(0.5e-6);
    }
  });

  test.each([2, 4, 5])("the computed sample of %i parts tells 60:40 from even shares with 99 %", (parts) => {
    const n = answersForShares(parts, 1e-6);
    const band = (of: number) => shareBand(of, 1 / parts, 1e-6 / (parts === 2 ? 1 : parts));
    const seen = (of: number) =>
      Math.max(atLeast(band(of).high + 1, of, 1.2 / parts), atMost(band(of).low - 1, of, 0.8 / parts));
    expect(seen(n)).toBeGreaterThanOrEqual(0.99);
    expect(seen(Math.floor(n * 0.9))).toBeLessThan(0.99);
    expect(answersForShares(1, 1e-6)).toBe(1);
  });
});

describe("intervals of a median", () => {
  const trials = 300;
  const simulation = { trials, resamples: 200, seed: 5 };
  /** Simulated proportions have an error themselves: three standard errors. */
  const least = 0.93 - 3 * Math.sqrt((0.93 * 0.07) / trials);

  test.each(
    [0, 0.2, 0.5].flatMap((correlation) =>
      (["normal", "log-normal"] as const).map((shape) => [shape, correlation] as const),
    ),
  )(
    "%s values with an intraclass correlation of %d: both kinds cover the median as stated",
    (shape, correlation) => {
      const five = simulatedCoverage(
        { labs: 5, runs: 4, correlation, shape },
        { ...simulation, resamples: 0 },
      );
      expect(five.labs).toBeGreaterThanOrEqual(least);
      const many = simulatedCoverage({ labs: bootstrapLabs, runs: 2, correlation, shape }, simulation);
      expect(many.bootstrap).toBeGreaterThanOrEqual(least);
    },
  );

  test("five labs are too few for the bootstrap, so that the labs' range stands in its place", () => {
    const setting = { labs: 5, runs: 10, correlation: 0.5, shape: "log-normal" } as const;
    expect(simulatedCoverage(setting, { ...simulation, trials: 600 }).bootstrap).toBeLessThan(0.93);
    const labs = [[1, 2, 3], [4], [5, 6], [7], [8, 9, 100]];
    expect(medianInterval(labs, 1)).toEqual({ kind: "labs", low: 2, high: 9, coverage: 0.9375 });
  });

  test("one lab says nothing about others, two and three say so, and many get a bootstrap", () => {
    expect(medianInterval([[1, 2, 3]], 1)).toBeUndefined();
    expect(medianInterval([[1], [2], []], 1)).toMatchObject({ low: 1, high: 2, coverage: 0.5 });
    expect(medianInterval([[1], [2], [3]], 1)?.coverage).toBe(0.75);
    const many = Array.from({ length: bootstrapLabs }, (_, i) => [i, i + 1]);
    expect(medianInterval(many, 1)).toMatchObject({ kind: "bootstrap", coverage: 0.93 });
    expect(medianInterval(many, 1)).toEqual(medianInterval(many, 1));
  });

  test("a censored value is longer than any other", () => {
    const never = Number.POSITIVE_INFINITY;
    expect(median([1, never, 2])).toBe(2);
    expect(median([1, never])).toBe(never);
    expect(median([never, never])).toBe(never);
    expect(medianInterval([[1, never, never], [5]], 1)).toMatchObject({ low: 5, high: null });
  });
});

describe("the permutation test on medians", () => {
  const runs = (...values: number[]) => values.map((v) => [v]);
  const never = Number.POSITIVE_INFINITY;

  test("is exact for small samples", () => {
    // Of 20 splits four differ by 10: 3 and 11 may change places, which changes no median.
    const apart = { p: 0.2, smallestP: 0.2, exact: true };
    expect(permutationTest(runs(1, 2, 3), runs(11, 12, 13), 1)).toEqual(apart);
    expect(permutationTest(runs(1, 2, 3, 4, 5), runs(11, 12, 13, 14, 15), 1)?.p).toBeCloseTo(12 / 252, 12);
    expect(permutationTest(runs(5, 5), runs(5, 5), 1)?.p).toBe(1);
    expect(permutationTest([], runs(1), 1)).toBeUndefined();
  });

  test("keeps the runs of a lab together", () => {
    const lab = (from: number) => Array.from({ length: 4 }, (_, i) => from + 7 * i);
    const labs = (from: number) => [0, 1, 2, 3, 4].map((l) => lab(from + l));
    const found = permutationTest(labs(0), labs(1000), 1);
    expect(found).toMatchObject({ exact: true });
    expect(found?.p).toBeCloseTo(2 / 252, 12);
    expect(found?.smallestP).toBeCloseTo(2 / 252, 12);
    // However many runs they have, two labs cannot be told from two others.
    expect(permutationTest(labs(0).slice(0, 2), labs(1000).slice(0, 2), 1)?.p).toBeCloseTo(1 / 3, 12);
  });

  test("is sampled for large ones, and gives the same result for the same seed", () => {
    const slow = runs(...Array.from({ length: 20 }, (_, i) => 500 + i));
    const fast = runs(...Array.from({ length: 20 }, (_, i) => 400 + i));
    const found = permutationTest(fast, slow, 3);
    expect(found).toMatchObject({ exact: false, p: 1 / 10_000 });
    expect(permutationTest(fast, slow, 3)).toEqual(found);
  });

  test("a censored value counts as longer than any other", () => {
    expect(permutationTest(runs(1, 2, 3), runs(never, never, never), 1)?.p).toBeCloseTo(0.4, 12);
    expect(permutationTest(runs(never), runs(never), 1)?.p).toBe(1);
  });

  test("rejects equal distributions no more often than its error rate", () => {
    const next = seededRandom(9);
    const trials = 400;
    const draw = () => runs(...Array.from({ length: 5 }, () => Math.exp(4 * next())));
    let rejected = 0;
    for (let i = 0; i < trials; i++) if ((permutationTest(draw(), draw(), i)?.p ?? 1) <= 0.05) rejected += 1;
    expect(rejected / trials).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / trials));
  });
});

test("permuted by run, labs that differ raise more false alarms than the error rate", () => {
  const setting = { labs: 3, runs: 2, shape: "log-normal" } as const;
  const alarms = (correlation: number) =>
    simulatedFalseAlarms({ ...setting, correlation }, { trials: 300, seed: 3 }, 0.05);
  const allowed = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / 300);
  expect(alarms(0)).toBeLessThanOrEqual(allowed);
  expect(alarms(0.8)).toBeGreaterThan(allowed);
});

test("a distribution gives median, tail and confidence interval, the same for the same seed", () => {
  const observed = (n: number, labs: number) =>
    Array.from({ length: n }, (_, i) => ({ value: i * 10, censored: false, lab: `lab ${i % labs}` }));
  const d = distributionOf(observed(20, 5), 7);
  expect(d).toEqual({
    ...{ count: 20, labs: 5, median: 95, p95: 180, largest: 190, censored: 0 },
    interval: { kind: "labs", low: 75, high: 115, coverage: 0.9375 },
  });
  expect(distributionOf(observed(20, 5), 7)).toEqual(d);
  expect(distributionOf([], 7)).toBeUndefined();
  const few = distributionOf(observed(19, 1), 7);
  expect(few).not.toHaveProperty("p95");
  expect(few).not.toHaveProperty("interval");
});

test("a censored value of a distribution has no number, and a statistic that it decides is bounded by the lower bounds", () => {
  const observed = [1, 20_005, 20_001, 2].map((value) => ({ value, censored: value > 100, lab: "a" }));
  expect(distributionOf(observed.slice(1), 7)).toMatchObject({
    ...{ median: null, largest: null, censored: 2 },
    atLeast: { median: 20_001, largest: 20_005 },
  });
  expect(distributionOf([...observed, { value: 3, censored: false, lab: "a" }], 7)?.median).toBe(3);
  // One run whose short losses were not over at its end: the others still bound the 95th percentile.
  const short = Array.from({ length: 20 }, (_, i) => ({
    value: i < 2 ? 10 : 100 * i,
    censored: i < 2,
    lab: `${i % 5}`,
  }));
  const d = distributionOf(short, 7);
  expect(d).toMatchObject({ p95: null, largest: null, atLeast: { p95: 1800, largest: 1900 } });
  expect(d?.atLeast?.low).toBeLessThanOrEqual(d?.interval?.low ?? Number.POSITIVE_INFINITY);
});
