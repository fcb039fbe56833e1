import fc from "fast-check";
import { by, flag, many, mapping, name, number, some, text, texts, whole } from "./arbitraries.ts";
import { type Certificate, certifications, type PhaseRecord } from "./certificate.ts";
import { grades } from "./certificate-finding.ts";
import type { CycleRecord } from "./certification-cycle.ts";
import type { CertificationJournal } from "./certification-journal.ts";
import type { CertificationProgress } from "./certification-progress.ts";
import { examplePlan, exampleSettingRecord } from "./examples.ts";
import { sourceTrees } from "./measurement.ts";
import { outcomes } from "./verdict.ts";

// Arbitrary records of certifications, like those of arbitraries.ts.

const phase: fc.Arbitrary<PhaseRecord> = some(
  {
    name: text,
    change: fc.option(fc.record({ cluster: text, to: fc.constantFrom("old", "new") })),
    versions: by(text),
    ...{ startMs: number, durationMs: number, measuredMs: number },
    disruptions: many(
      fc.record({
        path: text,
        kind: fc.constantFrom("new connection", "http keep-alive", "tcp heartbeat", "udp flow", "dns"),
        sent: whole,
        lost: whole,
        lostMs: number,
        longestGapMs: number,
        resets: whole,
        outages: many(fc.record({ afterMs: number, gapMs: number, lost: whole, cause: text })),
      }),
    ),
    deniedSent: whole,
    leaks: many(fc.record({ afterMs: number, from: text, to: text, packets: whole, spanMs: number })),
    events: many(fc.record({ afterMs: number, what: text })),
    changed: texts,
    suites: many(
      fc.record({
        name: text,
        run: text,
        tests: fc.dictionary(fc.constantFrom(...outcomes), whole, { noNullPrototype: true }),
        failures: texts,
        accepted: texts,
        errors: texts,
        unsupported: texts,
        skipped: texts,
      }),
    ),
    rig: texts,
    harness: texts,
    error: fc.option(text),
  },
  { unseen: texts, changeMs: number },
);
const version = fc.constantFrom("1.19.1", "1.19.4");
const certificateFindings = many(
  some({ id: text, grade: fc.constantFrom(...grades), message: text }, { remedy: text }),
);
const bothFindings = fc.record({ forth: certificateFindings, back: certificateFindings });
const suiteWindow = fc.tuple(phase, number).map(([p, intervalFactor]) => ({ ...p, intervalFactor }));
const interruptions = many(fc.record({ phase: text, startMs: number, durationMs: number }));
const certificationSettings = fc.record({
  order: texts,
  bothOrders: flag,
  skipRollback: flag,
  suites: texts,
  full: flag,
  newValues: mapping,
  preflight: flag,
  disturb: flag,
  deadlineMs: number,
  accept: texts,
});
const pair = fc.record({ from: version, to: version });
const sourceTree = fc.constantFrom(...sourceTrees);
const cycleSetting = fc.record({
  lab: fc.constant(exampleSettingRecord()),
  ...{ newValues: text, newComponents: by(text), order: texts, bothOrders: flag, skipRollback: flag },
  disturb: flag,
  deadlineMs: number,
});
const persistentState = fc.record({
  ...{ identities: by(text), twins: by(texts), endpoints: by(text), backends: by(text), policies: by(text) },
});
const beginning = fc.record({
  persistent: by(persistentState),
  selectsOwnCluster: by(flag),
  crds: by(many(some({ name: text, stored: texts }, { versions: texts }))),
});
export const journal: fc.Arbitrary<CertificationJournal> = fc.record({
  version: fc.constant(3 as const),
  ...{ pair, settings: certificationSettings, runId: text, command: text, cycle: whole, cycles: whole },
  identity: fc.option(
    some(
      { lab: text, setting: cycleSetting, settingHash: text, sourceHash: text, sourceTree },
      { calibrationMs: number },
    ),
  ),
  startedAtUnixMs: fc.option(number),
  beginning: fc.option(beginning),
  differing: texts,
  given: by(mapping),
  findings: bothFindings,
  done: many(phase),
  suiteWindows: many(suiteWindow),
  interruptions,
  current: text,
  recordedUntilUnixMs: fc.option(number),
  watchedUntilUnixMs: fc.option(number),
});
export const certificationProgress: fc.Arbitrary<CertificationProgress> = fc.record({
  version: fc.constant(1 as const),
  ...{ lab: text, runId: text, command: text, pair, settings: certificationSettings },
  plan: fc.constant(examplePlan()),
  ...{ cycles: whole, current: whole },
});
const environment = {
  ...{ order: texts, command: text, harness: text, profile: text, kernel: text, machine: text },
  clusters: many(
    fc.record({ name, id: whole, kubernetes: text, nodes: texts, nodeImage: text, nodeImageId: text }),
  ),
  images: many(fc.record({ version: text, reference: text, id: text })),
  substitutions: many(fc.record({ components: texts, what: text })),
  budgets: fc.record({ upgradeGapMs: number, upgradeLostMs: number }),
};
const cycleHead = {
  ...{ method: whole, runId: text, date: text, lab: text, settingHash: text, sourceHash: text, sourceTree },
};
export const cycle: fc.Arbitrary<CycleRecord> = some(
  {
    schema: fc.constant(1 as const),
    ...{ from: version, to: version, cycle: whole, cycles: whole, ...cycleHead, ...environment },
    findings: bothFindings,
    ...{ phases: many(phase), suiteWindows: many(suiteWindow), interruptions },
  },
  { calibrationMs: number, setting: cycleSetting },
);
const ofCycle = <T extends object>(record: fc.Arbitrary<T>): fc.Arbitrary<T & { cycle: number }> =>
  fc.tuple(record, whole).map(([r, n]) => ({ ...r, cycle: n }));
export const certificate: fc.Arbitrary<Certificate> = fc.record({
  apiVersion: fc.constant("meshproof/v2" as const),
  kind: fc.constant("UpgradeCertificate" as const),
  ...{ from: version, to: version, direction: fc.constantFrom("forth", "back") },
  ...{ verdict: fc.constantFrom(...certifications), reasons: texts, findings: certificateFindings },
  bounds: many(fc.record({ moves: text, n: whole, labs: whole, lost: whole, upperShare: number, text })),
  ...{ date: text, runId: text, ...environment },
  features: fc.record({ phase: text, supported: texts, unsupported: texts, skipped: texts }),
  cycles: many(
    some(
      {
        ...{ cycle: whole, of: whole, order: texts, ...cycleHead, durationMs: number, measuredMs: number },
        ...{ verdict: fc.constantFrom(...certifications), interruptions },
      },
      { calibrationMs: number },
    ),
  ),
  leftOut: many(fc.record({ runId: text, of: whole, why: texts })),
  phases: many(ofCycle(phase)),
  suiteWindows: many(ofCycle(suiteWindow)),
});
