import { type PhaseRecord, type SuiteWindow, unmeasuredPhase } from "./certificate.ts";
import type { CycleRecord } from "./certification-cycle.ts";
import type { CertificationJournal } from "./certification-journal.ts";
import { exampleSettingRecord } from "./examples.ts";
import { methodVersion } from "./measurement.ts";
import type { PersistentState } from "./persistent-state.ts";

/** Example records of certifications for unit tests, like those of examples.ts. */

export function exampleDisruption(
  change: Partial<PhaseRecord["disruptions"][number]> = {},
): PhaseRecord["disruptions"][number] {
  return {
    ...{ path: "east: names", kind: "dns", sent: 600, lost: 0, lostMs: 0, longestGapMs: 0, resets: 0 },
    outages: [],
    ...change,
  };
}

/** Two minutes that were measured, in which nothing was lost. */
export function examplePhase(change: Partial<PhaseRecord> = {}): PhaseRecord {
  return {
    ...unmeasuredPhase("baseline", { east: "1.19.7", west: "1.19.7" }),
    durationMs: 120_000,
    measuredMs: 120_000,
    disruptions: [
      exampleDisruption(),
      exampleDisruption({
        path: "east: pod to the other side over a kept TCP connection",
        kind: "tcp heartbeat",
      }),
      exampleDisruption({ path: "west: pod to own backends by ClusterIP", kind: "new connection" }),
    ],
    deniedSent: 4000,
    ...change,
  };
}

export function exampleSuiteWindow(change: Partial<SuiteWindow> = {}): SuiteWindow {
  return {
    ...examplePhase(),
    name: "suites, baseline",
    measuredMs: 0,
    suites: [
      {
        ...{ name: "policy", run: "suites-baseline", tests: { pass: 12 }, failures: [] },
        ...{ accepted: [], errors: [], unsupported: [], skipped: [] },
      },
    ],
    intervalFactor: 20,
    ...change,
  };
}

const steps = [
  ["baseline", null],
  ["upgrade east first", { cluster: "east", to: "new" }],
  ["mixed versions, east new", null],
  ["upgrade west last", { cluster: "west", to: "new" }],
  ["new version", null],
  ["roll back west first", { cluster: "west", to: "old" }],
  ["mixed versions again, east new", null],
  ["roll back east last", { cluster: "east", to: "old" }],
  ["old version again", null],
] as const;

/** A cycle in which nothing was lost; of the first one of a run, with suites. */
export function exampleCycle(n: number, change: Partial<CycleRecord> = {}): CycleRecord {
  const suitesMs = n === 1 ? 300_000 : 0;
  return {
    ...{ schema: 1, method: methodVersion, from: "1.19.7", to: "1.20.2", runId: "r", cycle: n, cycles: 5 },
    ...{ date: "2026-11-27T12:00:00.000Z", lab: `default r-${n}`, order: ["east", "west"] },
    ...{ settingHash: "0123456789abcdef", sourceHash: "fedcba9876543210", sourceTree: "clean" },
    setting: {
      lab: exampleSettingRecord(),
      ...{ newValues: "x", newComponents: {}, order: ["east", "west"], bothOrders: false },
      ...{ skipRollback: false, disturb: false, deadlineMs: 600_000 },
    },
    findings: { forth: [], back: [] },
    ...{ command: "npm run mesh -- certify --from 1.19.7 --to 1.20.2", harness: "abc", profile: "default" },
    ...{ kernel: "6.18", machine: "2 cores, 24 GiB" },
    clusters: [
      {
        ...{ name: "east", id: 1, kubernetes: "1.34.9", nodes: ["control-plane", "worker"] },
        ...{ nodeImage: "meshproof/node:x", nodeImageId: "sha256:1" },
      },
    ],
    images: [{ version: "1.20.2", reference: "cilium", id: "sha256:2" }],
    substitutions: [],
    budgets: { upgradeGapMs: 5000, upgradeLostMs: 10_000 },
    phases: steps.map(([name, to], i) =>
      examplePhase({ name, change: to, startMs: i * 120_000 + (i === 0 ? 0 : suitesMs) }),
    ),
    suiteWindows: n === 1 ? [exampleSuiteWindow({ startMs: 120_000, durationMs: suitesMs })] : [],
    interruptions: [],
    ...change,
  };
}

function examplePersistentState(): PersistentState {
  return {
    identities: { "echo-east-1": "65600", server: "65700" },
    twins: {},
    endpoints: { "echo-east-1": "12", server: "13" },
    backends: { "standing-local:80/TCP on east-worker": "10.1.1.5:8080" },
    policies: { "allowed-clients-only": "True" },
  };
}

/** A cycle that was interrupted after its first phase. */
export function exampleJournal(change: Partial<CertificationJournal> = {}): CertificationJournal {
  return {
    version: 3,
    pair: { from: "1.19.1", to: "1.19.4" },
    settings: {
      order: ["east", "west"],
      bothOrders: true,
      skipRollback: false,
      suites: ["policy"],
      full: false,
      newValues: {},
      preflight: true,
      disturb: false,
      deadlineMs: 600_000,
      accept: [],
    },
    ...{ runId: "r", command: "npm run mesh -- certify --from 1.19.1 --to 1.19.4", cycle: 2, cycles: 5 },
    identity: null,
    startedAtUnixMs: 1000,
    beginning: {
      persistent: { east: examplePersistentState(), west: examplePersistentState() },
      selectsOwnCluster: { east: false, west: false },
      crds: { east: [{ name: "ciliumnodeconfigs.cilium.io", stored: ["v2"] }], west: [] },
    },
    differing: [],
    given: { east: { tunnelProtocol: "vxlan" }, west: {} },
    findings: { forth: [], back: [] },
    done: [unmeasuredPhase("baseline", { east: "1.19.1", west: "1.19.1" })],
    ...{ suiteWindows: [], interruptions: [] },
    current: "upgrade east first",
    recordedUntilUnixMs: 21_000,
    watchedUntilUnixMs: null,
    ...change,
  };
}
