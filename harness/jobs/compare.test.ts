import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleMeasurement, exampleSettingRecord } from "#harness/model/examples.ts";
import type { Measurement } from "#harness/model/measurement.ts";
import { comparisonLines } from "#harness/report/comparison-text.ts";
import { compare, measurementsIn } from "./compare.ts";

const dir = tempFolder("compare");
afterAll(() => rmSync(dir, { recursive: true }));

const plain = exampleMeasurement();
const runs = (ms: number, change: Partial<Measurement> = {}): Measurement[] =>
  Array.from({ length: 20 }, (_, i) => {
    const lostTimeMs = ms + 7 * i;
    const away = { ...plain.away, lostTimeMs, outageMs: lostTimeMs, lost: 1 };
    return exampleMeasurement({ lab: `lab ${ms} ${i % 5}`, away, ...change });
  });

function series(name: string, measurements: readonly Measurement[]): string {
  const file = join(dir, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, measurements.map((m) => `${JSON.stringify(m)}\n`).join(""));
  return file;
}

test("two series side by side: what is slower, by which error rate, and what differs in the settings", async () => {
  const before = series("a.ndjson", runs(400, { settingRecord: exampleSettingRecord() }));
  const after = series("b.ndjson", [
    ...runs(800, { settingRecord: exampleSettingRecord({ tuning: "untuned" }) }),
    ...runs(400, { scenario: "agent restart" }).slice(0, 1),
  ]);
  const comparison = await compare(before, after);
  expect(comparison.rows.map((r) => r.compared?.result)).toEqual(["slower", undefined]);
  const lines = comparisonLines(comparison).join("\n");
  expect(lines).toMatch(
    /scale to zero, local .*467 ms.*range of 5 labs.*n = 20.*867 ms.*slower \(p = 0\.00\d+, by lab\)/,
  );
  expect(lines).toMatch(/agent restart, local +none +/);
  expect(lines).toContain("By lab: error rate 1 % of each row, so of 1 such rows");
  expect(lines).not.toContain("By run");
  expect(lines).toContain("The settings differ in (A, B): tuning: tuned, untuned");
});

test("equal samples show no difference, and too few runs are no equality", async () => {
  const one = series("c.ndjson", runs(400));
  const same = series("d.ndjson", runs(401));
  const few = series("e.ndjson", runs(900).slice(0, 1));
  expect((await compare(one, same)).rows[0]?.compared?.result).toBe("no difference shown");
  expect((await compare(one, few)).rows[0]?.compared?.result).toBe("unknown");
  expect(comparisonLines(await compare(one, few)).join("\n")).toContain("unknown: too few runs");
});

test("with too few labs runs are permuted, and the error rate is not claimed", async () => {
  const three = (ms: number) => runs(ms).map((m, i) => ({ ...m, lab: `lab ${ms} ${i % 3}` }));
  const comparison = await compare(series("f.ndjson", three(400)), series("g.ndjson", three(900)));
  expect(comparison.rows[0]?.compared).toMatchObject({ unit: "run", result: "slower" });
  const lines = comparisonLines(comparison).join("\n");
  expect(lines).toContain("the error rate is 1 % only if labs do not differ");
  expect(lines).not.toContain("By lab: error rate");
});

test("a side of several settings or sources is not compared", async () => {
  const mixed = series("h.ndjson", [
    ...runs(400, { sourceHash: "one" }).slice(0, 10),
    ...runs(900, { sourceHash: "two" }).slice(0, 10),
  ]);
  const plainly = series("i.ndjson", runs(400, { sourceHash: "one" }));
  const comparison = await compare(mixed, plainly);
  expect(comparison.rows[0]?.compared).toBeNull();
  expect(comparison.rows[0]?.figures.map((f) => f.length)).toEqual([2, 1]);
  expect(comparison.differences).toEqual(["sources: one or two, one"]);
  expect(comparisonLines(comparison).join("\n")).toContain("not compared: A of several settings or sources");
});

test("what differs is looked for in every run: of common rows, and of all if there are none", async () => {
  const setting = (application: "exits" | "drains" | "killed") => {
    const record = exampleSettingRecord();
    return { application, settingRecord: { ...record, workload: { ...record.workload, application } } };
  };
  const exits = series("j.ndjson", runs(400, setting("exits")));
  const others = series("k.ndjson", [...runs(400, setting("killed")), ...runs(500, setting("drains"))]);
  expect((await compare(exits, others)).differences).toEqual([
    "workload.application: exits, drains or killed",
  ]);
  const all = series("l.ndjson", [...runs(400, setting("exits")), ...runs(400, setting("killed"))]);
  expect((await compare(all, all)).differences).toEqual([]);
  const later = series("m.ndjson", [...runs(400, setting("exits")), ...runs(400, { sourceHash: "new" })]);
  expect((await compare(exits, later)).differences).toEqual([]);
});

test("a folder gives its series and not its loss records; what has no measurement is refused", async () => {
  series("campaign/a.ndjson", runs(400));
  series("campaign/b.ndjson", runs(400));
  writeFileSync(join(dir, "campaign/a.losses.ndjson"), "{}\n");
  expect(await measurementsIn(join(dir, "campaign"))).toHaveLength(40);
  await expect(measurementsIn(series("empty.ndjson", []))).rejects.toMatchObject({ code: "usage" });
  await expect(compare("no-such-run", "no-such-run")).rejects.toMatchObject({ code: "usage" });
});
