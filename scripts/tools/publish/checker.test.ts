// The checker against made-up files: a good one passes, and a breach of each rule is named.
import { describe, expect, test } from "vitest";
import { mostLossBytes, type PublishedVersion, refusalsOf, troublesOf } from "#harness/judge/provenance.ts";
import { violationsOf } from "#harness/judge/published.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import type { Published } from "#harness/model/published.ts";
import { resultsTable } from "#harness/report/published-tables.ts";
import {
  campaignOf,
  good,
  lacking,
  lossy,
  plain,
  plannedRows,
  publishedOf,
  undecided,
  versionOf,
} from "./example-version.ts";
import { wholeRows } from "./pages.ts";

const rulesOf = (version: PublishedVersion): number[] => [
  ...new Set(violationsOf(version).map(({ rule }) => rule)),
];

test("a good file with its rows passes, also with several rows", () => {
  expect(violationsOf(versionOf(good))).toEqual([]);
  const others = good.map((m) => ({ ...m, at: `u${m.at}`, settingHash: "c" }));
  const quiet = others.map((m) => ({
    ...m,
    scenario: "readiness lost",
    away: plain.away,
    phases: plain.phases,
  }));
  const long = others.slice(0, 5).map((m) => ({
    ...{ ...m, at: `l${m.at}`, scenario: "node stopped" },
    away: { ...m.away, windowMs: 90_000 },
  }));
  const few = others.slice(0, 4).map((m) => ({ ...m, at: `f${m.at}`, scenario: "cluster lost", lab: "one" }));
  const version = versionOf([...good, ...quiet, ...long, ...few]);
  expect(violationsOf(version)).toEqual([]);
  const cells = (what: string) => version.rows.find((r) => r["what happens"] === what);
  expect(cells("scale to zero")).toMatchObject({
    n: "20 from 5 labs",
    "failed of n": "1 of 20; budget 2000 ms (0 ms for some clients), after healing 2000 ms",
    "lost something": "20 of 20",
    "lost something after healing": "0 of 20 (up to 14 %)",
    "outage, median (interval)":
      "495 ms to 505 ms [1 of 20 not over] (475 ms to 555 ms: range of 5 labs, 93.75 %)",
    largest: "≥ 590 ms [1 of 20 not over], of 20; p95 580 ms to 590 ms [1 of 20 not over] (19th of 20)",
    "worst vantage point":
      "outage 900 ms (≥ 900 ms [1 of 20 not over]), NodePort; lost time 900 ms (≥ 900 ms [1 of 20 not over]), NodePort",
    "accounted for": expect.stringMatching(/^93 % ± 2 %, worst run 91 %; resolved \d+ %/),
  });
  expect(cells("readiness lost")).toMatchObject({
    "lost something": "0 of 20 (up to 14 %)",
    ...{ "outage, median (interval)": "none lost", "lost time, median (largest)": "none lost" },
  });
  expect(cells("node stopped")).toMatchObject({
    "outage, median (interval)": "see largest",
    largest: expect.stringContaining("of 5"),
  });
  expect(cells("cluster lost")?.n).toBe("4 from 1 lab; too few runs (4 of 10, from 1 of 3 labs)");
});

test("a row says that answers were slow before the fault", () => {
  const slow = (p99Ms: number) =>
    good.map((m, i) => ({
      ...m,
      before: { ...m.before, latency: { p50Ms: 1, p99Ms: p99Ms + i, p999Ms: 900, maxMs: 900 } },
    }));
  const version = versionOf(slow(400));
  expect(violationsOf(version)).toEqual([]);
  expect(version.rows[0]?.notes).toBe(
    "machine saturated: p99 before the fault median 410 ms, largest 419 ms",
  );
  expect(versionOf(slow(100)).rows[0]?.notes).toBe("");
});

test("a row counts the runs that gave it no figure, and shows how long the spoiled outages were", () => {
  const { rows } = versionOf(good);
  expect(rows[0]?.n).toBe("20 from 5 labs");
  const version = lacking();
  expect(violationsOf(version)).toEqual([]);
  expect(version.rows[0]).toMatchObject({
    n: "19 from 5 labs (3 to 4 each); too few runs (19 of 20, from 5 of 5 labs)",
    notes:
      "1 more spoiled by the test machine (1 failed, outage median 700 ms, largest 700 ms); 2 more ended without a figure; 1 of the plan's 20 given up",
  });
});

/** A version that was made of other campaigns than it shows. */
const differing = (version: PublishedVersion, change: Partial<Published>): PublishedVersion => ({
  ...version,
  again: { ...version.published, ...change },
});

/** A version with other campaigns, shown as they are. */
const withCampaigns = (campaigns: Published["campaigns"]): PublishedVersion => {
  const published = { ...publishedOf(good), campaigns };
  return { ...versionOf(good), published, again: published };
};

/** The good version with a change of every measurement. */
const each = (change: (m: Measurement, i: number) => Measurement): PublishedVersion =>
  versionOf(good.map(change));

/** The good version whose row was edited. */
const edited = (column: string, text: string): PublishedVersion => {
  const version = versionOf(good);
  return { ...version, rows: version.rows.map((row) => ({ ...row, [column]: text })) };
};

const without = (...keys: (keyof Measurement)[]): PublishedVersion =>
  each(
    (m) =>
      Object.fromEntries(
        Object.entries(m).filter(([k]) => !keys.includes(k as keyof Measurement)),
      ) as Measurement,
  );

const base = versionOf(good);

/** The good version, of which only two runs lost anything. */
const rarely = (): PublishedVersion =>
  each((m, i) => (i < 2 ? m : { ...m, away: plain.away, phases: plain.phases }));

const editedRows = (rows: PublishedVersion["rows"], text: string): PublishedVersion["rows"] =>
  rows.map((row) => ({ ...row, "lost something": text }));

test("a row in which some runs lost something bounds the share of those", () => {
  const version = rarely();
  expect(violationsOf(version)).toEqual([]);
  expect(version.rows[0]).toMatchObject({
    "lost something": "2 of 20 (up to 29 %)",
    "outage, median (interval)": "0 ms (0 ms: range of 5 labs, 93.75 %)",
  });
});

describe("a breach is named by its rule", () => {
  test.each<[string, number, PublishedVersion]>([
    ["only the main vantage point", 3, each((m) => ({ ...m, others: [] }))],
    ["no worst vantage point in the row", 3, edited("worst vantage point", "")],
    ["no worst one after healing", 3, edited("worst vantage point after healing", "")],
    ["a censored value as a number", 3, edited("largest", "590 ms, of 20")],
    ["failed runs that are not shown", 4, edited("failed of n", "0 of 20")],
    ["failed runs without their budget", 4, edited("failed of n", "1 of 20")],
    ["undecided runs that are not shown", 4, { ...undecided(), rows: base.rows }],
    ["a changed verdict that is not shown", 4, { ...undecided("fail"), rows: undecided("unknown").rows }],
    ["a loss without its bound", 5, { ...rarely(), rows: editedRows(rarely().rows, "2 of 20") }],
    [
      "a bound that is too tight",
      5,
      { ...rarely(), rows: editedRows(rarely().rows, "2 of 20 (up to 28 %)") },
    ],
    ["a figure without a row", 4, { ...base, rows: [] }],
    ["a sample that is not stated", 5, edited("n", "many")],
    [
      "too few runs that are not called so",
      5,
      {
        ...versionOf(good.slice(0, 19)),
        rows: base.rows.map((r) => ({ ...r, n: "19 from 5 labs" })),
      },
    ],
    [
      "p95 of too few",
      5,
      { ...versionOf(good.slice(0, 19)), rows: wholeRows(resultsTable([publishedOf(good)])) },
    ],
    ["an order without a seed", 5, without("seed")],
    ["an interval without its kind", 6, edited("outage, median (interval)", "505 ms (485 ms to 525 ms)")],
    [
      "an interval with too high a coverage",
      6,
      edited("outage, median (interval)", "505 ms (485 ms to 525 ms: range of 5 labs, 99 %)"),
    ],
    [
      "a bootstrap over five labs",
      6,
      edited("outage, median (interval)", "505 ms (485 ms to 525 ms: bootstrap, 95 %)"),
    ],
    ["no hash of the setting", 7, without("settingHash")],
    ["no hash of the sources", 7, without("sourceHash")],
    ["no lab", 7, without("lab")],
    ["no calibration", 7, without("calibrationMs")],
    ["several settings in one row", 7, each((m, i) => ({ ...m, settingHash: `${i % 2}` }))],
    ["neither tuned nor untuned", 8, without("tuned")],
    ["no application", 9, without("application")],
    ["a share that is not the pooled one", 10, edited("accounted for", "100 % ± 0 %, worst run 100 %")],
    ["a share without its error", 10, edited("accounted for", "93 %")],
    ["an older method", 11, each((m) => ({ ...m, method: 2 }))],
    ["changed sources", 11, each((m) => ({ ...m, sourceTree: "changed" }))],
    ["a spoiled run", 11, each((m, i) => (i === 1 ? { ...m, machineTroubles: ["late"] } : m))],
    ["a run without a verdict", 11, each((m, i) => (i === 1 ? { ...m, outcome: "unknown" } : m))],
    ["no loss record", 11, { ...base, losses: { of: new Set<string>(), bytes: 0 } }],
    ["too large loss records", 11, { ...base, losses: { ...base.losses, bytes: mostLossBytes + 1 } }],
    ["no measurement", 11, versionOf([])],
  ])("%s: rule %i", (_name, rule, version) => {
    expect(rulesOf(version)).toContain(rule);
  });
});

describe("what plans, series and journals say otherwise is named by its rule", () => {
  test.each<[string, number, PublishedVersion]>([
    [
      "a spoiled run that is not listed",
      4,
      differing(
        { ...lacking(), published: { ...lacking().published, spoiled: [] } },
        { spoiled: lacking().published.spoiled },
      ),
    ],
    [
      "runs that the row does not count",
      4,
      { ...lacking(), rows: lacking().rows.map((r) => ({ ...r, notes: "" })) },
    ],
    [
      "a count that is not true",
      4,
      { ...base, rows: base.rows.map((r) => ({ ...r, notes: "1 more ended without a figure" })) },
    ],
    [
      "a campaign that is not published",
      4,
      differing(base, { campaigns: [campaignOf(good), { ...campaignOf([]), name: "y" }] }),
    ],
    [
      "a plan with more runs",
      4,
      withCampaigns([{ ...campaignOf(good), rows: plannedRows([...good, ...good]) }]),
    ],
    [
      "a row of the plan without a figure, and not on the page",
      4,
      withCampaigns([campaignOf([...good, ...good.map((m) => ({ ...m, scenario: "cluster lost" }))])]),
    ],
    ["a row in two plans", 5, withCampaigns([campaignOf(good), { ...campaignOf(good), name: "y" }])],
    ["a row in no plan", 5, withCampaigns([campaignOf([])])],
    [
      "an outage that was edited",
      11,
      differing(base, { measurements: good.map((m, i) => (i === 2 ? { ...m, away: lossy(4000) } : m)) }),
    ],
    [
      "a run of the series that is not published",
      4,
      differing(versionOf(good.slice(1)), { measurements: good }),
    ],
    ["a run that no series has", 11, differing(base, { measurements: good.slice(1) })],
  ])("%s: rule %i", (_name, rule, version) => {
    expect(rulesOf(version)).toContain(rule);
  });
});

describe("publishing refuses", () => {
  test.each<[string, RegExp, readonly Measurement[]]>([
    ["an older method", /20 measurements are by method 2/, good.map((m) => ({ ...m, method: 2 }))],
    ["changed sources", /not as committed/, good.map((m) => ({ ...m, sourceTree: "changed" }))],
    [
      "two versions",
      /2 versions of Cilium/,
      good.map((m, i) => ({ ...m, setting: { ...m.setting, cilium: i === 0 ? "1.20.2" : "1.19.4" } })),
    ],
    [
      "a mixed setting",
      /scale to zero, local, exits, tuned: the measurements have several settings/,
      good.map((m, i) => ({ ...m, settingHash: `${i}` })),
    ],
    ["no setting", /lack lab, setting/, [plain]],
  ])("%s", (_name, reason, measurements) => {
    expect(refusalsOf(measurements).join("; ")).toMatch(reason);
  });

  test("nothing of a good series, and names what the test machine spoiled", () => {
    expect(refusalsOf(good)).toEqual([]);
    expect(good.flatMap(troublesOf)).toEqual([]);
    expect(troublesOf({ ...plain, machineTroubles: ["late"] })).toEqual(["late"]);
    expect(troublesOf({ ...plain, outcome: "unknown" })).toHaveLength(1);
  });
});
