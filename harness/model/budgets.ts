import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * Every duration that a verdict hangs on. Units end the names. Raising a default needs published figures
 * (reports/published/).
 */
export const budgetsSchema = z
  .strictObject({
    settleMs: z
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe(
        "How long a service may take to reach the state a test starts from: backends known and answering.",
      ),
    failoverMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe("Scale to zero: longest outage a client may see while traffic moves to the other cluster."),
    failbackMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe("Longest outage a client may see while traffic comes back to its preferred cluster."),
    upgradeGapMs: z
      .number()
      .int()
      .positive()
      .default(5_000)
      .describe("An upgrade: longest time that a client may be without an answer while one cluster moves."),
    upgradeLostMs: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe(
        "An upgrade: all the time that a client may be without answers while one cluster moves, requests lost between answered ones included.",
      ),
    upgradeMs: z
      .number()
      .int()
      .positive()
      .default(600_000)
      .describe(
        "One cluster moved to another version: agents, operator and clustermesh-apiserver ready, mesh whole.",
      ),
    stableMs: z
      .number()
      .int()
      .positive()
      .default(1_000)
      .describe("Traffic counts as stable again after this long without a lost request."),
    syncMs: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe("A new or deleted pod, service or annotation must be known in the other cluster by then."),
    healthMs: z
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe(
        "The whole health matrix must have been probed anew this long after it was asked for, or within two of the agents' probe intervals and half a minute, whichever is longer.",
      ),
    restartMs: z
      .number()
      .int()
      .positive()
      .default(5_000)
      .describe("Backends killed: longest outage until others answer or kubelet has started them again."),
    nodeLossMs: z
      .number()
      .int()
      .positive()
      .default(120_000)
      .describe(
        "A node gone without a word: longest outage; Kubernetes itself waits 50 s before it believes it.",
      ),
    lossHorizonMs: z
      .number()
      .int()
      .positive()
      .default(20_000)
      .describe("How long a loss is held that clients are not expected to get over by themselves."),
    rejoinMs: z
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe(
        "After a fault that took whole nodes, ways between clusters or a control plane: longest outage from the healing on.",
      ),
    noticeMs: z
      .number()
      .int()
      .positive()
      .default(240_000)
      .describe(
        "A clustermesh-apiserver gone without a word is believed to be lost by then; its heartbeat is two minutes late first (pkg/kvstore/etcd.go).",
      ),
    baselineRuns: z
      .number()
      .int()
      .positive()
      .default(10)
      .describe("A baseline with fewer comparable runs gives no verdict."),
    baselineFactor: z
      .number()
      .positive()
      .default(1.5)
      .describe("With a baseline, an outage may be this many times the baseline's p95."),
    requestMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe("One request of a test without an answer for this long counts as dropped."),
    probeEveryMs: z
      .number()
      .int()
      .positive()
      .default(5)
      .describe("Spacing of the open-loop prober's requests."),
    probeOthersEveryMs: z
      .number()
      .int()
      .positive()
      .default(50)
      .describe("The same at vantage points beside the main one, and of heartbeats on kept connections."),
    probeTimeoutMs: z
      .number()
      .int()
      .positive()
      .default(1_000)
      .describe("One request of the prober without an answer for this long is lost."),
    meshMs: z
      .number()
      .int()
      .positive()
      .default(600_000)
      .describe("From Helm's install to the canary answering in both directions."),
    falseAlarm: z
      .number()
      .positive()
      .max(0.01)
      .default(1e-6)
      .describe("Probability that a computed sample makes a healthy mesh fail a test."),
  })
  .prefault({});

export type Budgets = Infer<typeof budgetsSchema>;

/**
 * Where the rig itself falters, a verdict is `unknown`, never pass or fail. Lateness bounds the error of a measured
 * outage, so the defaults stay a tenth and a half of the failover budget; in quiet the prober is under 3 ms late.
 */
export const rigSchema = z
  .strictObject({
    latenessP99Ms: z
      .number()
      .positive()
      .default(200)
      .describe("99 % of the prober's requests must leave at most this late."),
    stallMs: z
      .number()
      .positive()
      .default(1000)
      .describe("A single request that left later than this spoils the run: the prober stood still."),
    controlLossShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe("Share of control requests (the prober's own loopback, no mesh in between) that may fail."),
    foreignCores: z
      .number()
      .positive()
      .default(0.8)
      .describe(
        "Cores that programs other than the lab and the harness may use for three seconds in a row during a test.",
      ),
    hostStallMs: z
      .number()
      .positive()
      .default(5000)
      .describe("The harness's own once-a-second timer may fire this late during a test."),
    freeDiskBytes: z
      .number()
      .int()
      .positive()
      .default(1024 ** 3)
      .describe("Free space that Docker's folder and the reports' must keep during a test."),
  })
  .prefault({});
