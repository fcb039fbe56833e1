import { expect, test } from "vitest";
import type { RunRecord } from "#harness/model/record.ts";
import { closingLines } from "./closing-lines.ts";

const record: RunRecord = {
  schema: 1,
  runId: "20261127-120000-abcdef",
  startedAt: "2026-11-27T12:00:00.000Z",
  durationMs: 1,
  command: "npm run mesh -- run",
  lab: "default",
  profile: "default",
  fault: null,
  kernel: "6",
  meshproof: "1",
  imageSource: "source",
  imageReason: "requested",
  clusters: [],
  provenance: [],
  budgets: {},
  suites: [],
  totals: { pass: 1, fail: 0, unsupported: 0, skipped: 0, unknown: 0, errors: 0 },
  exitCode: 0,
};

test("a name of --accept that nothing needed is said before the counts, which stay last", () => {
  const lines = closingLines({ ...record, unusedAccept: ["CVE-1"] }, "reports/x");
  expect(lines.at(-3)).toBe("--accept CVE-1: no failure of this run needed it");
  expect(lines.at(-1)).toBe("1 passed, 0 failed");
  expect(closingLines(record, "reports/x").join("\n")).not.toContain("--accept");
});
