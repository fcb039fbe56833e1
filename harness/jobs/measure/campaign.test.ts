import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { seededRandom } from "#harness/lib/random.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { type Campaign, runCampaign } from "./campaign.ts";
import { type AppendLine, CampaignFiles, lossesFile, seriesFile } from "./campaign-files.ts";
import { exampleRow, type FakeOptions, fakeWorld, Killed } from "./fake-world.ts";
import { keyOf, scheduleOf } from "./schedule.ts";
import { exitCodeOfCampaign, summaryOf } from "./summary.ts";
import type { ResolvedRow } from "./titles.ts";

const root = tempFolder("campaign");
let folders = 0;
const newFolder = (): string => join(root, String(++folders));

const rows: ResolvedRow[] = [
  exampleRow({ runs: 5, labs: 2 }),
  exampleRow({ name: "second", suite: "failover-mesh", runs: 3, labs: 1 }),
  exampleRow({ name: "third", setting: "untuned", runs: 2, labs: 2 }),
];
const total = 10;

const campaignOf = (change: Partial<Campaign> = {}): Campaign => ({
  stamp: { name: "example", plan: "0123456789abcdef" },
  source: { hash: "fedcba9876543210", tree: "clean" },
  seed: 1,
  rows,
  schedule: scheduleOf(change.rows ?? rows, { seed: 1, runsPerSetUp: 2 }),
  attempts: 3,
  newPart: "`--part NAME`",
  ...change,
});

/** Without the synchronisation of the real one, which takes milliseconds. */
const append: AppendLine = (file, line) => appendFileSync(file, `${line}\n`);

interface Attempt {
  readonly folder: string;
  readonly campaign?: Campaign;
  readonly append?: AppendLine;
  readonly untilMs?: number;
  readonly nowMs?: () => number;
  readonly signal?: AbortSignal;
}

/** One process that measures. */
async function measure(world: ReturnType<typeof fakeWorld>, attempt: Attempt): Promise<CampaignFiles> {
  const { folder, campaign = campaignOf(), untilMs, nowMs } = attempt;
  const files = CampaignFiles.open(folder, attempt.append ?? append);
  await runCampaign({
    campaign,
    files,
    world,
    meshproof: "9.9.9",
    say: () => {},
    signal: attempt.signal ?? new AbortController().signal,
    ...given({ untilMs, nowMs }),
  });
  return files;
}

const linesOf = (folder: string, name: string): { runId: string; at: string }[] =>
  readFileSync(join(folder, name), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a campaign measures every run once, each in a lab of its setting", async () => {
  const world = fakeWorld();
  const files = await measure(world, { folder: newFolder() });
  expect(files.measurements).toHaveLength(total);
  expect([...world.begun.values()]).toEqual(Array.from({ length: total }, () => 1));
  expect(world.created).toHaveLength(4);
  expect(world.removed).toEqual(world.created);
  for (const m of files.measurements) {
    expect(m).toMatchObject({ seed: 1, sourceHash: "fedcba9876543210", sourceTree: "clean" });
    expect(m.lab).toMatch(m.campaign.row === "third" ? /^untuned \d$/ : /^tuned \d$/);
  }
  expect(summaryOf(campaignOf(), files)).toMatchObject({ measured: total, complete: true, leftMs: 0 });
  expect(files.entries.at(-1)).toMatchObject({ event: "stopped", why: "nothing left" });
});

/** Decides about each run by its key and number, the same in every process. */
const chanceOf = (seed: number, key: string, before: number): number => {
  const salt = [...`${key} ${before}`].reduce((sum, c) => (Math.imul(sum, 31) + c.charCodeAt(0)) >>> 0, seed);
  return seededRandom(salt)();
};

test("killed at any step, any number of times, and resumed: only the run in progress is lost, and none is there twice", async () => {
  const kills = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      kills,
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      async (seed, all, cut) => {
        const folder = newFolder();
        const left = [...all];
        let fuel = Number.POSITIVE_INFINITY;
        const step = (): void => {
          if (--fuel < 0) throw new Killed();
        };
        // Before a line, in the middle of it, and after it.
        const torn: AppendLine = (file, line) => {
          step();
          fuel -= 1;
          if (fuel < 0) {
            appendFileSync(file, line.slice(0, Math.floor(cut * line.length)));
            throw new Killed();
          }
          append(file, line);
          step();
        };
        const options: FakeOptions = {
          step,
          outcomeOf: (key, before) => {
            const chance = chanceOf(seed, key, before);
            return chance < 0.1 ? "no figure" : chance < 0.25 ? "unknown" : chance < 0.4 ? "fail" : "pass";
          },
          isSpoiledLater: (key, before) => chanceOf(seed + 1, key, before) < 0.05,
        };
        const world = fakeWorld(options);
        let ends = 0;
        for (let isOver = false; !isOver; ends++) {
          fuel = left.shift() ?? Number.POSITIVE_INFINITY;
          try {
            await measure(world, { folder, append: torn });
            isOver = true;
          } catch (error) {
            if (
              !(error instanceof Killed || (error instanceof MeshproofError && error.code === "lab-broken"))
            )
              throw error;
          }
          expect(ends).toBeLessThan(100);
        }
        const files = CampaignFiles.open(folder, append);
        const summary = summaryOf(campaignOf(), files);
        expect(summary.complete).toBe(true);
        expect(summary.measured + summary.givenUp).toBe(total);
        // Each measurement with its loss record, and no other.
        const named = (m: { runId: string; at: string }): string => `${m.runId} ${m.at}`;
        const series = linesOf(folder, seriesFile).map(named);
        expect(new Set(series).size).toBe(series.length);
        expect(linesOf(folder, lossesFile).map(named)).toEqual(series);
        // What was passed on is kept, and was not measured again.
        const kept = new Set(files.measurements.map((m) => m.at));
        for (const { result } of world.reported)
          if (result.measurement !== undefined) expect(kept).toContain(result.measurement.at);
        const begun = [...world.begun.values()].reduce((sum, n) => sum + n, 0);
        const noted = files.entries.filter((e) => e.event === "run" && e.outcome === "no figure").length;
        expect(begun - files.measurements.length - noted).toBeLessThanOrEqual(all.length);
        expect(begun).toBeGreaterThanOrEqual(files.measurements.length + noted);
      },
    ),
    { numRuns: 40 },
  );
});

test("spoiled runs are kept, repeated at the end of their lab and then in a further one, and given up after that", async () => {
  const folder = newFolder();
  const [first] = rows;
  if (first === undefined) throw new Error("no row");
  const campaign = campaignOf({ rows: [first] });
  const never = keyOf({ row: first.name, run: 1 });
  const once = keyOf({ row: first.name, run: 5 });
  const world = fakeWorld({
    outcomeOf: (key, before) => (key === never || (key === once && before === 0) ? "unknown" : "pass"),
  });
  const files = await measure(world, { folder, campaign });
  expect(world.begun.get(never)).toBe(3);
  expect(world.begun.get(once)).toBe(2);
  expect(world.created).toHaveLength(3);
  const labsOf = (key: string) =>
    files.measurements.filter((m) => keyOf(m.campaign) === key).map((m) => m.campaign.lab);
  expect(new Set(labsOf(once)).size).toBe(1);
  expect(labsOf(never).at(-1)).toBe(3);
  const summary = summaryOf(campaign, files);
  expect(summary).toMatchObject({ measured: 4, spoiled: 4, givenUp: 1, complete: true, failed: 0 });
  expect(exitCodeOfCampaign(summary)).toBe(3);
  // There is nothing more to do.
  await measure(world, { folder, campaign });
  expect(world.created).toHaveLength(3);
});

test("a run that the end of a set-up shows to be spoiled is measured again", async () => {
  const world = fakeWorld({ isSpoiledLater: (_, before) => before === 0 });
  const files = await measure(world, { folder: newFolder() });
  expect(new Set(world.begun.values())).toEqual(new Set([2]));
  expect(summaryOf(campaignOf(), files)).toMatchObject({ measured: total, spoiled: total, complete: true });
});

test("a run without a figure is noted with its reason, and repeated", async () => {
  const world = fakeWorld({
    outcomeOf: (key, before) => (key.endsWith("#1") && before === 0 ? "no figure" : "pass"),
  });
  const files = await measure(world, { folder: newFolder() });
  expect(summaryOf(campaignOf(), files)).toMatchObject({ measured: total, complete: true });
  const noted = files.entries.filter((e) => e.event === "run" && e.outcome === "no figure");
  expect(noted).toHaveLength(3);
  expect(noted[0]).toMatchObject({ reasons: ["fail", "traffic never became stable"] });
});

test("two set-ups in a row without a figure end the command; its lab is removed", async () => {
  const folder = newFolder();
  const world = fakeWorld({ outcomeOf: () => "not run" });
  await expect(measure(world, { folder })).rejects.toThrow(
    expect.objectContaining({
      code: "lab-broken",
      message: expect.stringContaining("without a single figure"),
    }),
  );
  expect(world.created).toHaveLength(2);
  expect(world.removed).toEqual(world.created);
  expect(CampaignFiles.open(folder, append).entries.at(-1)).toMatchObject({
    event: "stopped",
    why: "ended early",
    reason: expect.stringContaining("without a single figure"),
  });
});

test("after the limit no run begins, no run counts as failed, and the lab is removed", async () => {
  const folder = newFolder();
  const campaign = campaignOf({ rows: [exampleRow({ runs: 5, labs: 1 })] });
  const minuteMs = 60_000;
  let nowMs = 0;
  const world = fakeWorld({
    step: (what) => {
      if (what === "lab was created") nowMs += 4 * minuteMs;
      if (what === "run ended") nowMs += minuteMs;
    },
  });
  // Enough for the lab and for two runs; the third is in progress when the time is over.
  const files = await measure(world, { folder, campaign, untilMs: 6.5 * minuteMs, nowMs: () => nowMs });
  expect(files.measurements).toHaveLength(3);
  expect(files.soFar().failedAttempts.size).toBe(0);
  expect(world.created).toHaveLength(1);
  expect(world.removed).toEqual(world.created);
  // No lab is created for which there is no time.
  await measure(world, { folder, campaign, untilMs: nowMs + 2 * minuteMs, nowMs: () => nowMs });
  expect(world.created).toHaveLength(1);
  const summary = summaryOf(campaign, files);
  expect(summary.complete).toBe(false);
  expect(exitCodeOfCampaign(summary)).toBe(3);
  expect(files.entries.at(-1)).toMatchObject({ event: "stopped", why: "limit" });
});

test("an interrupted campaign removes its lab, and no run counts as failed", async () => {
  const folder = newFolder();
  const interrupted = new AbortController();
  const world = fakeWorld({
    step: (what) => {
      if (what === "run ended" && world.reported.length === 1) interrupted.abort(new Error("Ctrl-C"));
    },
  });
  await expect(measure(world, { folder, signal: interrupted.signal })).rejects.toThrow("Ctrl-C");
  expect(world.removed).toEqual(world.created);
  const files = CampaignFiles.open(folder, append);
  expect(files.measurements).toHaveLength(2);
  expect(files.soFar().failedAttempts.size).toBe(0);
  expect(files.entries.at(-1)).toMatchObject({ event: "stopped", why: "ended early", reason: "Ctrl-C" });
});

test("a run that measured something else than its row is refused and not kept", async () => {
  const folder = newFolder();
  const world = fakeWorld({ measurementOf: () => ({ affinity: "remote" }) });
  await expect(measure(world, { folder })).rejects.toThrow(
    /row ".*" got a measurement of scale to zero, affinity remote/,
  );
  expect(CampaignFiles.open(folder, append).measurements).toEqual([]);
});

test("one run with another setting counts as none; if the first of a command differs, the command ends", async () => {
  const folder = newFolder();
  let odd = 4;
  const settingHash = (): string => (--odd === 0 ? "odd" : "h");
  const world = fakeWorld({ measurementOf: () => ({ settingHash: settingHash() }) });
  const files = await measure(world, { folder });
  expect(summaryOf(campaignOf(), files)).toMatchObject({ measured: total, complete: true });
  const noted = files.entries.filter((e) => e.event === "run" && e.outcome === "no figure");
  expect(noted).toHaveLength(1);
  expect(noted[0]).toMatchObject({ reasons: [expect.stringContaining("setting is")] });
  const more = campaignOf({ rows: rows.map((row) => ({ ...row, runs: row.runs + 1 })) });
  const other = fakeWorld({ measurementOf: () => ({ settingHash: "other" }) });
  const schedule = scheduleOf(more.rows, { seed: 1, runsPerSetUp: 2 });
  await expect(measure(other, { folder, campaign: { ...more, schedule } })).rejects.toThrow(
    expect.objectContaining({ code: "config-conflict" }),
  );
  expect(other.removed).toEqual(other.created);
  expect(CampaignFiles.open(folder, append).measurements).toHaveLength(total);
});
