// The checker of the pages of times: the committed ones pass, and a breach of each rule is named.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type PublishedTimings, type TimingTopic, timingTopics } from "#harness/model/timing.ts";
import { dataViolations, pageViolations } from "./checker.ts";
import { pageFile, readTimings } from "./files.ts";
import { timingsPage } from "./page.ts";

const published = await readTimings();

test("the committed times keep to METHOD", () => {
  expect(published.runs.length).toBeGreaterThan(0);
  expect(dataViolations(published)).toEqual([]);
});

test.each(timingTopics)("docs/results/%s.md keeps to METHOD", (topic) => {
  expect(pageViolations(published, topic, readFileSync(pageFile(topic), "utf8"))).toEqual([]);
});

/** Runs of 2026-11-28, whose pages have every kind of row; what is published today may not. */
const example = JSON.parse(
  readFileSync(new URL("example-timings.json", import.meta.url), "utf8"),
) as PublishedTimings;

test("the example keeps to METHOD, as long as nothing is breached", () => {
  expect(dataViolations(example)).toEqual([]);
  for (const topic of timingTopics)
    expect(pageViolations(example, topic, timingsPage(example, topic))).toEqual([]);
});

/** What the checker says of a page in which a passage is replaced. */
function breach(topic: TimingTopic, from: RegExp, to: string): string[] {
  const page = timingsPage(example, topic);
  expect(page).toMatch(from);
  return pageViolations(example, topic, page.replace(from, to));
}

describe("a breach on a page is named", () => {
  test.each<[string, TimingTopic, RegExp, string, string]>([
    ["n counts nodes", "propagation", /10 changes/, "20 changes", "10 independent events"],
    ["n counts services", "fresh-node", /2 joins, 3 services each/, "6 joins", "2 independent events"],
    [
      "too few runs is missing",
      "propagation",
      /; too few runs \(10 of 10[^)]*\)/,
      "",
      "does not say too few runs",
    ],
    [
      "the page has too few runs",
      "dead-cluster",
      /\*\*Too few runs\*\*/,
      "Runs",
      "does not say: **Too few runs**",
    ],
    ["the number of labs", "propagation", /\| 1 {4}\| 0/, "| 3    | 0", "1 labs, the row says 3"],
    ["p95 of ten", "propagation", /largest of 10 +\|/, "49 ms (rank 10 of 10) |", "p95 of 10 events"],
    ["a p95 without its rank", "propagation", /46 ms \(rank 19 of 20\)/, "46 ms", "of how many events"],
    ["the lower middle value", "fresh-node", /16\.6 s; 8648 ms to 8663 ms/, "8663 ms", "each value is shown"],
    ["a wrong median", "propagation", /29 ms/, "27 ms", "the median is"],
    [
      "none lost without a bound",
      "recovery-overload",
      / \(up to 78 % [^)]*\)/,
      "",
      "bounds the share at 77.6 %",
    ],
    ["a wrong bound", "dead-cluster", /up to 78 %/, "up to 53 %", "bounds the share at 77.6 %"],
    [
      "none lost, where some were",
      "dead-cluster",
      /99 %; 100 %/,
      "none lost in 2 deaths (up to 78 %)",
      "something was lost",
    ],
    [
      "an error beside a share",
      "recovery-overload",
      /(100 %; 100 % .*)–/,
      "$16.3 ms",
      "an error beside what is no moment",
    ],
    [
      "an error beside a latency",
      "recovery-overload",
      /(2 ms; 2 ms .*)–/,
      "$16.3 ms",
      "an error beside what is no moment",
    ],
    ["an error without the stop", "dead-cluster", /3746 ms/, "20.9 ms", "errors are up to 37"],
    [
      "0s and 30s told apart",
      "dead-cluster",
      /does not tell/,
      "tells",
      "does not say: does not tell cacheTTL",
    ],
    ["a watch of 0.3 s", "fresh-node", /hardly watched for/, "watched for", "does not say: hardly watched"],
    ["the mesh's part", "fresh-node", /The mesh's part comes first\./, "", "does not say: The mesh's part"],
    [
      "a row is missing",
      "membership",
      /No run is/,
      "| Cilium | what |\n| - | - |\n| 1 | x |\n\nNo run is",
      "nothing was observed",
    ],
  ])("%s", (...[, topic, from, to, message]) => {
    expect(breach(topic, from, to).join("\n")).toContain(message);
  });
});

describe("a breach is named", () => {
  test("rows out of order, and a row left out", () => {
    const lines = timingsPage(example, "fresh-node").split("\n");
    const at = lines.findIndex((l) => l.includes("| from the first request"));
    const without = lines.filter((_, i) => i !== at);
    expect(pageViolations(example, "fresh-node", without.join("\n")).join("\n")).toContain(
      "the page has no row",
    );
    const swapped = without.toSpliced(at + 1, 0, lines[at] ?? "");
    expect(pageViolations(example, "fresh-node", swapped.join("\n"))).toEqual([
      "the mesh's part is not the first row",
    ]);
  });

  test("in the data", () => {
    const changed = (change: (text: string) => string): string =>
      dataViolations(JSON.parse(change(JSON.stringify(example))) as PublishedTimings).join("\n");
    expect(changed((t) => t.replace(/"commit":"[^"]*"/, '"commit":"7628ea7-dirty"'))).toContain(
      "from 7628ea7-dirty",
    );
    expect(changed((t) => t.replace(/"latenessP99Ms":[\d.]+/, '"latenessP99Ms":21'))).toContain(
      "was disturbed",
    );
    expect(changed((t) => t.replace(/"errorMs":[\d.]+/, '"errorMs":0'))).toContain("no error");
    expect(changed((t) => t.replaceAll(/"stoppedMs":[\d.]+,/g, ""))).toContain("how long the stop took");
    expect(changed((t) => t.replaceAll(/"writeBegunMs":[-\d.]+/g, '"writeBegunMs":-40'))).toContain(
      "seen 2 times",
    );
  });
});
