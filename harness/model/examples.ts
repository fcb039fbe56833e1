import type { History } from "./history.ts";
import type { Measurement } from "./measurement.ts";

/** Made-up records for unit tests: a test names what matters to it, the rest is here. */

export function exampleHistory(change: Partial<History>): History {
  return {
    title: "t",
    vantage: "east/w",
    target: "10.0.0.1:80",
    everyMs: 5,
    timeoutMs: 1000,
    connection: "new",
    startedAt: "",
    startedAtUnixMs: 0,
    samples: [],
    control: [],
    marks: [],
    cpuShare: 0.1,
    clockErrorMs: 0.2,
    ...change,
  };
}

/** A run in which nothing was lost. */
export function exampleMeasurement(change: Partial<Measurement> = {}): Measurement {
  const none = { recovered: true, outageMs: 0, longestGapMs: 0, lost: 0, lossOutcomes: {} };
  return {
    method: 1,
    scenario: "scale to zero",
    affinity: "local",
    struck: "east",
    client: "east",
    runId: "r",
    at: "",
    setting: { cilium: "1.19.4", kubernetes: "1.34.4", kernel: "6", machine: "2", imageSource: "source" },
    outcome: "pass",
    away: none,
    back: none,
    phases: {
      seen: [],
      lastGoodAfterMs: null,
      firstErrorAfterMs: null,
      firstNewAfterMs: null,
      stableAfterMs: null,
      links: [],
      unexplainedMs: 0,
    },
    others: [],
    connections: [],
    prober: { latenessP99Ms: 1, cpuShare: 0.2, allCpuShare: 0.4, everyMs: 5, sent: 1000 },
    ...change,
  };
}
