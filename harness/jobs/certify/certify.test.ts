import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkPair } from "#harness/config/upgrade-matrix.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { keptLeaks, readPacket } from "#harness/measure/leaks.ts";
import { certificateSchema, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { HistoryEntry } from "#harness/model/upgrade-history.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { featuresOf } from "./certificate-of.ts";
import { newsOf } from "./matrix.ts";
import { orderOf, phasesOf, versionBefore } from "./phases.ts";
import { folderName } from "./standing.ts";

const emptyPhase = unmeasuredPhase("baseline", { east: "1.19.1" });

test("every cluster is upgraded, the first is also rolled back and upgraded again; suites run in phases without a change", () => {
  expect(phasesOf(["east", "west"], false).map((p) => [p.name, p.suites])).toEqual([
    ["baseline", "all"],
    ["upgrade east", "none"],
    ["mixed versions, east new", "between"],
    ["upgrade west", "none"],
    ["new version", "between"],
    ["roll back east", "none"],
    ["mixed versions again", "between"],
    ["upgrade east again", "none"],
    ["new version again", "all"],
  ]);
  expect(phasesOf(["east", "west"], true).at(-1)).toEqual({ name: "new version", suites: "all" });
});

test("names of phases are valid folder names, also with three clusters", () => {
  const names = phasesOf(["a", "b", "c"], false).map((p) => folderName(p.name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("mixed-versions-a-and-b-new");
});

test("an interrupted phase returns its cluster to the previous version", () => {
  const phases = phasesOf(["east", "west"], false);
  const before = (name: string, cluster: string) =>
    versionBefore(
      phases,
      phases.findIndex((p) => p.name === name),
      cluster,
    );
  expect(before("upgrade east", "east")).toBe("old");
  expect(before("upgrade west", "west")).toBe("old");
  expect(before("roll back east", "east")).toBe("new");
  expect(before("upgrade east again", "east")).toBe("old");
});

test("leaks captured by a killed harness are reported; a truncated line is ignored", async () => {
  const file = join(tempFolder("leaks"), "leaks.ndjson");
  const packet = (atUnixMs: number) => JSON.stringify({ atUnixMs, from: "east/denied", to: "west/server" });
  await writeFile(file, `${packet(900)}\n${packet(1200)}\n${packet(1250)}\n{"atUn`);
  expect(await keptLeaks(file, 1000)).toEqual([
    { afterMs: 200, from: "east/denied", to: "west/server", packets: 2, spanMs: 50 },
  ]);
  expect(await keptLeaks(`${file}.none`, 1000)).toEqual([]);
});

test("features are those of the last phase that ran the most suites; unknown is not supported", () => {
  const suite = (name: string, tests: Record<string, number>, unsupported: string[] = []) => ({
    name,
    run: "r",
    tests,
    failures: [],
    unsupported,
    skipped: [],
  });
  const phase = (name: string, suites: ReturnType<typeof suite>[]) => ({ ...emptyPhase, name, suites });
  expect(
    featuresOf([
      phase("baseline", [suite("policy", { pass: 1 }), suite("kvstore", { pass: 1 })]),
      phase("new version", [
        suite("policy", { pass: 1, unsupported: 1 }, ["t: why"]),
        suite("kvstore", { pass: 1, unknown: 1 }),
      ]),
      phase("after", [suite("policy", { pass: 1 })]),
    ]),
  ).toEqual({ phase: "new version", supported: ["policy"], unsupported: ["policy: t: why"], skipped: [] });
  expect(featuresOf([]).phase).toBe("none");
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

test("a captured packet has a time and a sender; other tcpdump output is ignored", () => {
  expect(readPacket("1700000000.123456 IP 10.1.1.5.40000 > 10.2.0.9.8080: Flags [S], seq 1")).toEqual({
    atUnixMs: 1700000000123.456,
    from: "10.1.1.5",
  });
  expect(readPacket("listening on eth0, link-type EN10MB")).toBeUndefined();
});

test("the next run of a matrix reports changes, but not the usual variation of figures", () => {
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
  expect(newsOf(undefined, entry({}))).toEqual(["first entry in this history"]);
  expect(newsOf(entry({}), entry({ lost: 15 }))).toEqual(["unchanged since 2026-11-01"]);
  expect(
    newsOf(entry({}), entry({ verdict: "not certified", reasons: ["leak"], longestGapMs: 900 })),
  ).toEqual([
    "was certified on 2026-11-01, is now not certified",
    "new: leak",
    "longest gap: 400 ms before, 900 ms now",
  ]);
});

test("reports/certificate.schema.json matches the code", () => {
  const file = readFileSync(join(repoRoot(), "reports/certificate.schema.json"), "utf8");
  expect(JSON.parse(file)).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(certificateSchema))));
});

test("a certificate whose suites have only some outcomes is valid", () => {
  const { phases } = certificateSchema.shape;
  const suites = [
    { name: "policy", run: "r", tests: { pass: 3 }, failures: [], unsupported: [], skipped: [] },
  ];
  expect(phases.safeParse([{ ...emptyPhase, suites }]).error).toBeUndefined();
});
