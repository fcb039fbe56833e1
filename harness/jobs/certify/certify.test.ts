import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { checkPair } from "#harness/config/upgrade-matrix.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readPacket } from "#harness/measure/capture.ts";
import { keptLeaks } from "#harness/measure/leaks.ts";
import { certificateSchema, unmeasuredPhase } from "#harness/model/certificate.ts";
import type { HistoryEntry } from "#harness/model/upgrade-history.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { newsOf } from "./matrix.ts";
import { orderOf, phasesOf, versionBefore } from "./phases.ts";
import { folderName } from "./standing.ts";

const emptyPhase = unmeasuredPhase("baseline", { east: "1.19.1" });

const names = (order: string[], skipRollback = false, withSuites = false): string[] =>
  phasesOf({ order, bothOrders: order.length > 1, skipRollback }, withSuites).map((p) => p.name);

test("every cluster moves up and back, in both orders; every move starts from a state of its own", () => {
  expect(names(["east", "west"])).toEqual([
    "baseline",
    "upgrade east first",
    "mixed versions, east new",
    "upgrade west last",
    "new version",
    "roll back west first",
    "mixed versions again, east new",
    "roll back east last",
    "old version again",
    "upgrade west first, other order",
    "mixed versions, west new, other order",
    "upgrade east last, other order",
    "new version, other order",
    "roll back east first, other order",
    "mixed versions again, west new, other order",
    "roll back west last, other order",
    "old version again, other order",
  ]);
  expect(names(["east", "west"], true).at(-1)).toBe("new version");
});

test("suites run in windows of their own, in the first cycle and the first order only", () => {
  const suites = (withSuites: boolean) =>
    phasesOf({ order: ["east", "west"], bothOrders: true, skipRollback: false }, withSuites).flatMap((p) =>
      p.suites === undefined ? [] : [[p.name, p.suites]],
    );
  expect(suites(true)).toEqual([
    ["suites, baseline", "all"],
    ["suites, mixed versions, east new", "between"],
    ["suites, new version", "all"],
    ["suites, mixed versions again, east new", "between"],
    ["suites, old version again", "between"],
  ]);
  expect(suites(false)).toEqual([]);
});

test("names of phases are valid folder names, also with three clusters", () => {
  const folders = names(["a", "b", "c"], false, true).map(folderName);
  expect(new Set(folders).size).toBe(folders.length);
  expect(folders).toContain("mixed-versions-a-and-b-new");
});

test("an interrupted phase returns its cluster to the previous version", () => {
  const phases = phasesOf({ order: ["east", "west"], bothOrders: true, skipRollback: false }, true);
  const before = (name: string, cluster: string) =>
    versionBefore(
      phases,
      phases.findIndex((p) => p.name === name),
      cluster,
    );
  expect(before("upgrade east first", "east")).toBe("old");
  expect(before("upgrade west last", "west")).toBe("old");
  expect(before("roll back west first", "west")).toBe("new");
  expect(before("upgrade west first, other order", "west")).toBe("old");
  expect(before("roll back east first, other order", "east")).toBe("new");
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

test("an order names every cluster once", () => {
  expect(orderOf(["east", "west"], "west,east")).toEqual(["west", "east"]);
  expect(() => orderOf(["east", "west"], "west")).toThrow("does not name every cluster once");
  expect(() => orderOf(["east", "west"], "west,west")).toThrow("every cluster once");
});

test("a pair is two versions that differ", () => {
  expect(() => checkPair({ from: "1.19", to: "1.19.4" })).toThrow("--from 1.19 is not a version");
  expect(() => checkPair({ from: "1.19.4", to: "1.19.4" })).toThrow("are both 1.19.4");
  expect(() => checkPair({ from: "v1.19.4", to: "1.19.4" })).toThrow("are both 1.19.4");
  expect(checkPair({ from: "v1.19.7", to: "v1.20.2" })).toEqual({ from: "1.19.7", to: "1.20.2" });
});

test("a captured packet has a time and a sender; other tcpdump output is ignored", () => {
  expect(readPacket("1700000000.123456 IP 10.1.1.5.40000 > 10.2.0.9.8080: Flags [S], seq 1")).toMatchObject({
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
    {
      ...{ name: "policy", run: "r", tests: { pass: 3 }, failures: [], accepted: [], errors: [] },
      ...{ unsupported: [], skipped: [] },
    },
  ];
  expect(phases.safeParse([{ cycle: 1, ...emptyPhase, suites }]).error).toBeUndefined();
});
