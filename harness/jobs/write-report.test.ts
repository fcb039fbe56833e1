import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { runRecordSchema } from "#harness/model/record.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { jwt, pem } from "#harness/platform/secrets/planted.ts";
import { writeReport } from "./write-report.ts";

const record: RunRecord = {
  schema: 1,
  runId: "20261121-110330-4fa2c1",
  startedAt: "2026-11-21T11:03:30.000Z",
  durationMs: 1,
  command: "npm run mesh -- test policy",
  lab: "default",
  profile: "default",
  fault: null,
  kernel: "6.1",
  meshproof: "9.9.9",
  imageSource: "source",
  imageReason: "",
  clusters: [],
  provenance: [],
  budgets: {},
  suites: [
    {
      name: "policy",
      goal: "g",
      method: "m",
      errors: [],
      durationMs: 1,
      tests: [
        {
          suite: "policy",
          name: "t",
          outcome: "fail",
          reasons: [`401 with ${jwt}`],
          durationMs: 1,
          notes: {},
        },
      ],
    },
  ],
  totals: { pass: 0, fail: 1, unsupported: 0, skipped: 0, unknown: 0, errors: 0 },
  exitCode: 1,
};

test("redacted secrets are counted in report.json, and are in none of the report's files", async () => {
  const dir = join(tempFolder("report"), record.runId);
  await writeReportFile(join(dir, "artifacts/policy/east/agent-w-log.txt"), `x\n${pem()}`);
  const redactions = [
    { file: "artifacts/policy/east/agent-w-log.txt", kind: "private key", count: 1 },
    { file: "report.json", kind: "token (JWT)", count: 1 },
  ];
  expect(await writeReport(dir, record)).toEqual(redactions);
  // Written again, as `prove` does, the counts are the same.
  expect(await writeReport(dir, { ...record, redactions })).toEqual(redactions);
  const text = (name: string): string => readFileSync(join(dir, name), "utf8");
  const report = runRecordSchema.parse(JSON.parse(text("report.json")));
  expect(report.redactions).toEqual(redactions);
  for (const name of ["report.json", "junit.xml", "report.html"]) {
    expect(text(name)).not.toContain(jwt);
    expect(text(name)).toContain("401 with [redacted: token (JWT)]");
  }
  rmSync(join(dir, ".."), { recursive: true });
});

test("a report without a secret has no redactions", async () => {
  const dir = join(tempFolder("report"), record.runId);
  expect(await writeReport(dir, { ...record, suites: [] })).toEqual([]);
  expect(JSON.parse(readFileSync(join(dir, "report.json"), "utf8"))).not.toHaveProperty("redactions");
  rmSync(join(dir, ".."), { recursive: true });
});
