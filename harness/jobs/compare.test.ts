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
  expect(lines).toContain("error rate 1 %");
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

test("a folder gives its series and not its loss records; what has no measurement is refused", async () => {
  series("campaign/a.ndjson", runs(400));
  series("campaign/b.ndjson", runs(400));
  writeFileSync(join(dir, "campaign/a.losses.ndjson"), "{}\n");
  expect(await measurementsIn(join(dir, "campaign"))).toHaveLength(40);
  await expect(measurementsIn(series("empty.ndjson", []))).rejects.toMatchObject({ code: "usage" });
  await expect(compare("no-such-run", "no-such-run")).rejects.toMatchObject({ code: "usage" });
});
