import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { found } from "#harness/lib/found.ts";
import { checkRecord, parseRecord, type RecordFormat } from "#harness/lib/records.ts";
import {
  artifacts,
  by,
  cells,
  faults,
  finding,
  journalEntry,
  labState,
  many,
  mapping,
  measurement,
  name,
  number,
  runRecord,
  some,
  text,
  texts,
  whole,
} from "./arbitraries.ts";
import { archiveManifestFormat } from "./archive-manifest.ts";
import { bundleManifestFormat } from "./bundle-manifest.ts";
import { type Certificate, certificateFormat, certifications } from "./certificate.ts";
import { certificate, certificationProgress, cycle, journal } from "./certificate-arbitraries.ts";
import { exampleJournal } from "./certificate-examples.ts";
import { cycleRecordFormat } from "./certification-cycle.ts";
import { certificationJournalFormat } from "./certification-journal.ts";
import { certificationProgressFormat } from "./certification-progress.ts";
import { exampleLabState, exampleMeasurement } from "./examples.ts";
import { findingsFormat } from "./finding.ts";
import { digestLockFormat } from "./image-store.ts";
import { proofFormat } from "./kill-matrix.ts";
import { labStateFormat } from "./lab-state.ts";
import { measurementFormat } from "./measurement.ts";
import { askReplyFormat } from "./probe-wire.ts";
import { publishedFormat } from "./published.ts";
import { runRecordFormat } from "./record.ts";
import { sourceObjectsFormat } from "./source-environment.ts";
import { journalEntryFormat } from "./undo.ts";
import { upgradeHistoryFormat } from "./upgrade-history.ts";

const source = { what: "x", remedy: "y" };

const attempts = many(fc.record({ run: fc.integer({ min: 1 }), at: text, reasons: texts }));
const measuredOutcome = fc.constantFrom("pass", "fail", "unknown");
const rowKey = {
  scenario: text,
  affinity: fc.constantFrom("local", "remote", "none"),
  tuned: fc.boolean(),
  application: fc.constantFrom("exits", "drains", "killed"),
};

/** Every record that is written to disk or sent to another process, with an arbitrary for its contents. */
const records: Readonly<Record<string, { format: RecordFormat<unknown>; arbitrary: fc.Arbitrary<unknown> }>> =
  {
    "lab state": { format: labStateFormat(() => "unlabelled"), arbitrary: labState },
    "fault journal": { format: journalEntryFormat, arbitrary: journalEntry },
    "certification journal": { format: certificationJournalFormat, arbitrary: journal },
    "run record": { format: runRecordFormat, arbitrary: runRecord },
    certificate: { format: certificateFormat, arbitrary: certificate },
    "cycle of a certification": { format: cycleRecordFormat, arbitrary: cycle },
    "progress of a certification": { format: certificationProgressFormat, arbitrary: certificationProgress },
    measurement: { format: measurementFormat, arbitrary: measurement },
    published: {
      format: publishedFormat,
      arbitrary: fc.record({
        schema: fc.constant(4 as const),
        ...{ cilium: text, publishedAt: text, meshproof: text, limits: texts, missingCommits: texts },
        campaigns: many(
          fc.record({
            ...{ name: text, plan: text, series: text, command: text },
            commands: many(
              fc.record(
                {
                  ...{ at: text, commit: text, reason: text, runs: fc.nat() },
                  ended: fc.constantFrom("nothing left", "limit", "ended early", "not stated"),
                },
                { requiredKeys: ["at", "runs", "ended"] },
              ),
            ),
            rows: many(
              fc.record({
                ...rowKey,
                ...{ runs: fc.integer({ min: 1 }), labs: fc.integer({ min: 1 }) },
                ...{ givenUp: fc.nat(), withoutFigure: attempts },
              }),
            ),
          }),
        ),
        budgets: many(fc.record({ ...rowKey, awayMs: many(number), backMs: many(number) })),
        judged: many(
          fc.record({
            ...rowKey,
            ...{ runId: text, at: text, run: fc.integer({ min: 1 }), reasons: texts },
            ...{ was: measuredOutcome, now: measuredOutcome },
          }),
        ),
        spoiled: many(
          fc.record({
            ...rowKey,
            runId: text,
            at: text,
            outcome: measuredOutcome,
            why: texts,
            outageMs: fc.nat(),
            censored: fc.boolean(),
          }),
        ),
        measurements: many(measurement),
      }),
    },
    "progress of prove": {
      format: proofFormat("r"),
      arbitrary: fc.record({ schema: fc.constant(1 as const), faults, cells }),
    },
    findings: { format: findingsFormat, arbitrary: many(finding) },
    "history of upgrades": {
      format: upgradeHistoryFormat,
      arbitrary: many(
        fc.record({
          ...{ from: text, to: text, date: text, runId: text, reasons: texts },
          ...{ verdict: fc.constantFrom(...certifications), lost: whole, longestGapMs: number },
        }),
      ),
    },
    "manifest of a bundle": {
      format: bundleManifestFormat,
      arbitrary: fc.record({
        meshproofBundle: fc.constant(1 as const),
        imageSource: text,
        faults: many(name),
      }),
    },
    "manifest of an archive": {
      format: archiveManifestFormat,
      arbitrary: fc.record({ meshproofArchive: fc.constant(1 as const), digests: by(text), artifacts }),
    },
    digests: { format: digestLockFormat, arbitrary: by(text) },
    "objects of the source environment": {
      format: sourceObjectsFormat,
      arbitrary: many(
        some(
          { metadata: some({ name: text }, { namespace: text, labels: by(text), annotations: by(text) }) },
          { kind: text, spec: mapping },
        ),
      ),
    },
    "answers of a prober": {
      format: askReplyFormat,
      arbitrary: fc.record({
        answers: many(
          many(
            fc.record({ outcome: fc.constantFrom("ok", "timeout"), body: text, detail: text, ms: number }),
          ),
        ),
      }),
    },
  };

describe("records", () => {
  test.each(Object.entries(records))(
    "%s: a written record is read back unchanged",
    (_name, { format, arbitrary }) => {
      fc.assert(
        fc.property(arbitrary, (record) => {
          expect(parseRecord(JSON.stringify(record), format, source)).toEqual(record);
        }),
        { numRuns: 50 },
      );
    },
  );

  test.each([
    ["lab state", exampleLabState()],
    ["certification journal", exampleJournal()],
  ])("%s: an unknown key is dropped", (kind, record) => {
    expect(checkRecord({ ...record, later: 1 }, found(records[kind], kind).format, source)).toEqual(record);
  });
});

const published = join(import.meta.dirname, "../../reports/published");
const certificates = globSync("*/upgrade-from-*.yaml", { cwd: published });
const figures = globSync("*/failover.json", { cwd: published });

test("what is published is read unchanged", () => {
  for (const file of certificates) {
    const value: unknown = parseYaml(readFileSync(join(published, file), "utf8"));
    expect(checkRecord(value, certificateFormat, source), file).toEqual(value);
  }
  for (const file of figures) {
    const content = readFileSync(join(published, file), "utf8");
    expect(parseRecord(content, publishedFormat, source), file).toEqual(JSON.parse(content));
  }
});

describe("keys of a later version are tolerated in records that people keep", () => {
  const later = { later: { any: 1 } };

  test("a measurement", () => {
    const m = exampleMeasurement();
    const grown = { ...m, ...later, away: { ...m.away, ...later }, setting: { ...m.setting, ...later } };
    expect(checkRecord(grown, measurementFormat, source)).toEqual(m);
  });

  test("a run record", () => {
    const [run] = fc.sample(runRecord, { numRuns: 1, seed: 1 });
    const suites = found(run, "run").suites.map((s) => ({
      ...s,
      ...later,
      tests: s.tests.map((t) => ({ ...t, ...later })),
    }));
    expect(checkRecord({ ...run, ...later, suites }, runRecordFormat, source)).toEqual(run);
  });

  test("a certificate", () => {
    const [made] = fc.sample(certificate, { numRuns: 1, seed: 2 });
    const phases = found(made, "certificate").phases.map((p: Certificate["phases"][number]) => ({
      ...p,
      ...later,
    }));
    expect(checkRecord({ ...made, ...later, phases }, certificateFormat, source)).toEqual(made);
  });
});

describe("a newer version is refused with an error that names it", () => {
  test.each([
    ["lab state", labStateFormat(() => "unlabelled"), { ...exampleLabState(), version: 99 }],
    ["certification journal", certificationJournalFormat, { ...exampleJournal(), version: 4 }],
    ["fault journal", journalEntryFormat, { version: 2 }],
    ["run record", runRecordFormat, { schema: 2 }],
    ["certificate", certificateFormat, { apiVersion: "meshproof/v3" }],
    ["published", publishedFormat, { schema: 5 }],
    ["progress of prove", proofFormat("r"), { schema: 2 }],
    ["bundle", bundleManifestFormat, { meshproofBundle: 2 }],
    ["archive", archiveManifestFormat, { meshproofArchive: 2 }],
  ] as [string, RecordFormat<unknown>, unknown][])("%s", (_name, format, value) => {
    expect(() => checkRecord(value, format, source)).toThrow(
      expect.objectContaining({
        code: "config-conflict",
        exitCode: 2,
        message: expect.stringMatching(
          /^x was written by a newer Meshproof \(\w+ \d+; this one reads up to \d\)$/,
        ),
        remedy: "use the Meshproof that wrote it, or y",
      }),
    );
  });
});

test("kill-matrix.json without a version is read; a fault without a run belongs to the file's run", () => {
  const [all] = fc.sample(fc.record({ faults, cells }), { numRuns: 1, seed: 3 });
  const { faults: proven, cells: reported } = found(all, "proof");
  const old = { faults: proven.map(({ run: _, ...f }) => f), cells: reported };
  expect(checkRecord(old, proofFormat("20261121-a"), source)).toEqual({
    schema: 1,
    faults: proven.map((f) => ({ ...f, run: "20261121-a" })),
    cells: reported,
  });
  expect(checkRecord({ faults: proven, cells: reported }, proofFormat("20261121-a"), source)).toMatchObject({
    faults: proven,
  });
  expect(() => checkRecord({ faults: [{}], cells: [] }, proofFormat("r"), source)).toThrow(
    /x was written by an older Meshproof and cannot be used by this one \(faults\.0\.name:/,
  );
});
