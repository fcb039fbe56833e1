import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HistoryHead, type Sample, sampleOutcomes } from "./history.ts";
import { footLine, HistoryReader, headLine, sampleLine } from "./history-lines.ts";
import { readProbeLine } from "./probe-wire.ts";
import { SampleColumns } from "./sample-columns.ts";

const hundredths = (max: number) => fc.integer({ min: 0, max: max * 100 }).map((n) => n / 100);
const round = (ms: number): number => Math.round(ms * 100) / 100;

/** Samples as a prober produces them: numbered without gaps, arriving in any order. */
const samples = fc
  .array(
    fc.record({
      late: hundredths(1500),
      took: hundredths(1500),
      outcome: fc.constantFrom(...sampleOutcomes),
      backend: fc.constantFrom(
        { servedBy: "echo-east-a", cluster: "east" },
        { servedBy: "echo-west-b", cluster: "west" },
      ),
    }),
    { maxLength: 60 },
  )
  .map((rows) =>
    rows.map((r, seq): Sample => {
      const sentMs = round(seq * 5 + r.late);
      return {
        seq,
        dueMs: seq * 5,
        sentMs,
        endMs: round(sentMs + r.took),
        outcome: r.outcome,
        ...(r.outcome === "ok" ? r.backend : { detail: `because of ${r.outcome}` }),
      };
    }),
  );

const head: HistoryHead = {
  title: "t",
  vantage: "east/w",
  target: "10.0.0.1:80",
  everyMs: 5,
  timeoutMs: 1000,
  connection: "new",
  startedAt: "",
  startedAtUnixMs: 0,
};

describe("samples in columns", () => {
  test("samples come out unchanged, in sending order, for every order of arrival", () => {
    fc.assert(
      fc.property(samples, fc.integer(), (rows, seed) => {
        const columns = new SampleColumns();
        const arrival = [...rows].sort((a, b) => ((a.seq * 7919 + seed) % 13) - ((b.seq * 7919 + seed) % 13));
        for (const s of arrival) columns.add(s);
        expect([...columns]).toEqual(rows);
        expect(columns.length).toBe(rows.length);
      }),
    );
  });

  test("a missing sample stays missing", () => {
    const columns = new SampleColumns();
    for (const seq of [0, 5000])
      columns.add({ seq, dueMs: seq * 5, sentMs: seq * 5, endMs: seq * 5 + 1, outcome: "ok" });
    expect([...columns].map((s) => s.seq)).toEqual([0, 5000]);
    expect(columns.length).toBe(2);
  });
});

describe("a history's file", () => {
  const foot = { marks: [{ name: "fault", atMs: 7 }], cpuShare: 0.2, clockErrorMs: 0.4 };

  test("a written history is read back unchanged", () => {
    fc.assert(
      fc.property(samples, (rows) => {
        const reader = new HistoryReader("x");
        reader.line(headLine(head));
        for (const s of rows) reader.line(sampleLine(s.seq % 4 === 0 ? "c" : "s", s));
        reader.line(footLine(foot));
        const read = reader.history();
        expect([...read.samples]).toEqual(rows.filter((s) => s.seq % 4 !== 0));
        expect([...read.control]).toEqual(rows.filter((s) => s.seq % 4 === 0));
        expect(read).toMatchObject({ ...head, ...foot });
      }),
    );
  });

  test.each([
    ["was truncated", [headLine(head)], /has no last line/],
    ["has another format", ['{"format":"x/9"}'], /is of format x\/9/],
    ["is not JSON", [headLine(head), '["s",1,'], /line 2, is not JSON/],
    ["was written by a newer Meshproof", ['{"format":"meshproof-history/2"}'], /newer Meshproof \(format 2;/],
    [
      "has a head without its target",
      ['{"format":"meshproof-history/1","title":"t"}'],
      /malformed: vantage:/,
    ],
    ["has a foot without marks", [headLine(head), "{}"], /line 2, is malformed: marks:/],
    ["has a scalar as its foot", [headLine(head), "null"], /line 2, is malformed: \(top\):/],
    ["has a row of another kind", [headLine(head), '["x",1,5,0,1,"ok"]'], /line 2, is neither/],
    ["has a row without a number", [headLine(head), '["s",-1,5,0,1,"ok"]'], /line 2, has no sequence number/],
    ["has a row whose number is too large", [headLine(head), '["s",1e15,5,0,1,"ok"]'], /no sequence number/],
    [
      "has a row without its times",
      [headLine(head), '["s",1,5,null,1,"ok"]'],
      /lacks one of its three times/,
    ],
    ["has an unknown outcome", [headLine(head), '["s",1,5,0,1,"fine"]'], /line 2, has outcome "fine"/],
    [
      "has a pod that is not text",
      [headLine(head), '["s",1,5,0,1,"ok",7]'],
      /a value after its outcome that is not text/,
    ],
  ])("a file that %s is refused; the message contains file and line", (_name, lines, message) => {
    const reader = new HistoryReader("h.ndjson");
    expect(() => {
      for (const line of lines) reader.line(line);
      reader.history();
    }).toThrow(message);
  });
});

test("a line of the prober is its start, a batch or its end; all other lines are ignored", () => {
  const lines = [
    { hello: { startedAtUnixMs: 1 } },
    { samples: [[0, 1, 5, 5, 6, "ok", "p", ""]], control: [], nowMs: 7 },
    { bye: { cpuShare: 0.1 } },
  ];
  for (const line of lines) expect(readProbeLine(JSON.stringify(line))).toEqual(line);
  for (const none of ["npm warn", "7", "null", '{"hello":{}}', '{"samples":[],"control":[]}'])
    expect(readProbeLine(none)).toBeUndefined();
});
