import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkPair } from "#harness/config/upgrade-matrix.ts";
import { certificateSchema } from "#harness/core/certificate.ts";
import { readPacket } from "#harness/experiment/leaks.ts";
import { repoRoot } from "#harness/host/paths.ts";
import { changedSettings, unknownValues } from "./compare-charts.ts";
import { type HistoryEntry, newsOf } from "./matrix.ts";
import { orderOf, phasesOf, versionBefore } from "./phases.ts";

test("every cluster moves, the first one back and forth again; first and last run every suite", () => {
  const phases = phasesOf(["east", "west"], false);
  expect(phases.map((p) => p.name)).toEqual([
    "baseline",
    "upgrade east",
    "upgrade west",
    "roll back east",
    "upgrade east again",
  ]);
  expect(phases.filter((p) => p.suites === "all").map((p) => p.name)).toEqual([
    "baseline",
    "upgrade east again",
  ]);
  expect(phasesOf(["east", "west"], true).map((p) => [p.name, p.suites])).toEqual([
    ["baseline", "all"],
    ["upgrade east", "between"],
    ["upgrade west", "all"],
  ]);
});

test("an interrupted phase goes back to what its cluster ran before", () => {
  const phases = phasesOf(["east", "west"], false);
  expect(phases.map((_, i) => versionBefore(phases, i, "east"))).toEqual(["old", "old", "new", "new", "old"]);
  expect(versionBefore(phases, 2, "west")).toBe("old");
});

test("an order names every cluster once", () => {
  expect(orderOf(["east", "west"], "west,east")).toEqual(["west", "east"]);
  expect(() => orderOf(["east", "west"], "west")).toThrow("does not name every cluster once");
  expect(() => orderOf(["east", "west"], "west,west")).toThrow("every cluster once");
});

test("a pair is two versions that differ", () => {
  expect(() => checkPair({ from: "1.19", to: "1.19.4" })).toThrow("--from 1.19 is not a version");
  expect(() => checkPair({ from: "1.19.4", to: "1.19.4" })).toThrow("are both 1.19.4");
});

test("settings that two charts render differently are told, the one that narrows policies with its meaning", () => {
  expect(changedSettings({ a: "1", gone: "x" }, { a: "1", "policy-default-local-cluster": "true" })).toEqual([
    'setting gone: "x" before, not set after',
    'setting policy-default-local-cluster: not set before, "true" after; a policy without a cluster label then selects pods of its own cluster only',
  ]);
});

test("values that the new chart does not know are named by their path; free-form maps take anything", () => {
  const known = { clustermesh: { config: { enabled: false } }, extraConfig: {} };
  const own = { clustermesh: { config: { enabledd: true } }, extraConfig: { any: 1 }, old: 1 };
  expect(unknownValues(own, known)).toEqual([
    "value clustermesh.config.enabledd is not known to the new chart: it has no effect any more",
    "value old is not known to the new chart: it has no effect any more",
  ]);
});

test("a captured packet is when and from whom; what tcpdump says beside it is none", () => {
  expect(readPacket("1700000000.123456 IP 10.1.1.5.40000 > 10.2.0.9.8080: Flags [S], seq 1")).toEqual({
    atUnixMs: 1700000000123.456,
    from: "10.1.1.5",
  });
  expect(readPacket("listening on eth0, link-type EN10MB")).toBeUndefined();
});

test("the next run of a matrix says what changed, and not what every run's figures do", () => {
  const entry = (news: Partial<HistoryEntry>): HistoryEntry => ({
    from: "1.19.1",
    to: "1.19.4",
    date: "2026-11-01",
    runId: "r",
    verdict: "certified",
    lost: 10,
    longestGapMs: 400,
    reasons: [],
    ...news,
  });
  expect(newsOf(undefined, entry({}))).toEqual(["the first time in this history"]);
  expect(newsOf(entry({}), entry({ lost: 15 }))).toEqual(["as on 2026-11-01"]);
  expect(
    newsOf(entry({}), entry({ verdict: "not certified", reasons: ["leak"], longestGapMs: 900 })),
  ).toEqual([
    "was certified on 2026-11-01, is not certified",
    "new: leak",
    "longest gap: 400 ms before, 900 ms now",
  ]);
});

test("reports/certificate.schema.json is what the code says", () => {
  const file = readFileSync(join(repoRoot(), "reports/certificate.schema.json"), "utf8");
  expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(certificateSchema))));
});

test("a certificate whose suites have some outcomes only is one", () => {
  const { phases } = certificateSchema.shape;
  const suites = [{ name: "policy", run: "r", tests: { pass: 3 }, failures: [] }];
  const phase = {
    name: "baseline",
    versions: { east: "1.19.1" },
    durationMs: 1,
    disruptions: [],
    deniedSent: 1,
    leaks: [],
    events: [],
    changed: [],
    suites,
    rig: [],
    error: null,
  };
  expect(phases.safeParse([phase]).error).toBeUndefined();
});
