import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

/**
 * Every duration that a verdict depends on. Names end with the unit. Raising a default needs published figures
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
        "How long a service may take to reach the initial state of a test: its backends are known and answer.",
      ),
    failoverMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe(
        "Scale to zero: the lost time that a client may see while traffic moves to the other cluster, and the latest first answer of that cluster. A verdict counts both from the change of the EndpointSlice.",
      ),
    failbackMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe("The lost time that a client may see while traffic returns to its preferred cluster."),
    gapShare: z
      .number()
      .positive()
      .max(1)
      .default(1)
      .describe(
        "The longest gap between two answers with a loss between them, as a share of the budget for lost time. A gap is part of the lost time, so with 1 that budget bounds it too: losing the last backend is one gap, and no figure supports a shorter one. Less suits clients that give up after a shorter silence.",
      ),
    lossBursts: z
      .number()
      .int()
      .positive()
      .default(5)
      .describe(
        "How many bursts of losses a client may see from the injection to the healing, and again after it; a second without a loss separates two bursts.",
      ),
    upgradeGapMs: z
      .number()
      .int()
      .positive()
      .default(5_000)
      .describe(
        "Upgrade: the longest time that a client may be without an answer while one cluster changes version.",
      ),
    upgradeLostMs: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe(
        "Upgrade: the total time that a client may be without answers while one cluster changes version, including requests lost between answered ones.",
      ),
    upgradeMs: z
      .number()
      .int()
      .positive()
      .default(600_000)
      .describe(
        "Upgrade: how long one cluster may take to change version, until agents, operator and clustermesh-apiserver are ready and every agent is connected.",
      ),
    stableMs: z
      .number()
      .int()
      .positive()
      .default(1_000)
      .describe(
        "Kept connections must have answered for this long without a loss before a fault is injected.",
      ),
    syncMs: z
      .number()
      .int()
      .positive()
      .default(10_000)
      .describe(
        "How long a new or deleted pod, service or annotation may take to be known in the other cluster.",
      ),
    healthMs: z
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe(
        "How long the agents may take to probe the whole health matrix again. If two of their probe intervals plus 30 s are longer, that applies instead.",
      ),
    restartMs: z
      .number()
      .int()
      .positive()
      .default(5_000)
      .describe("Backends killed: the lost time until other backends answer or kubelet has restarted them."),
    nodeLossMs: z
      .number()
      .int()
      .positive()
      .default(120_000)
      .describe("A node lost without notice: the lost time. Kubernetes itself waits 50 s before it reacts."),
    lossHorizonMs: z
      .number()
      .int()
      .positive()
      .default(20_000)
      .describe(
        "How long a fault stays in force if clients are not expected to recover before it is removed.",
      ),
    rejoinMs: z
      .number()
      .int()
      .positive()
      .default(60_000)
      .describe(
        "After a fault that affected nodes, paths between clusters or a control plane: the lost time, counted from the removal of the fault.",
      ),
    noticeMs: z
      .number()
      .int()
      .positive()
      .default(240_000)
      .describe(
        "How long agents may take to notice a clustermesh-apiserver lost without notice. Cilium waits until its heartbeat is two minutes late (pkg/kvstore/etcd.go).",
      ),
    freshNodeMs: z
      .number()
      .int()
      .positive()
      .default(120_000)
      .describe(
        "A node that joins without any state: how long after it is Ready a pod scheduled there may wait for the first answer of a global service with remote backends only.",
      ),
    overloadMs: z
      .number()
      .int()
      .positive()
      .default(250)
      .describe(
        "The first backend that returns serves alone: the longest time that 99 % of its answers may take. METHOD's limit of a slow answer.",
      ),
    memberMs: z
      .number()
      .int()
      .positive()
      .default(180_000)
      .describe(
        "A cluster joins or leaves the mesh: how long after the configuration of every cluster was changed its backends may take to serve, or to be gone. Components restart meanwhile.",
      ),
    deadClusterMs: z
      .number()
      .int()
      .positive()
      .default(90_000)
      .describe(
        "A cluster died and clustermesh.cacheTTL is 0: how long at least it is watched that clients are still sent to it. It is watched for as long as losses with a cacheTTL of 30 s may last (noticeMs, 30 s and syncMs) in any case, as the two look alike otherwise.",
      ),
    baselineRuns: z
      .number()
      .int()
      .positive()
      .default(10)
      .describe("A baseline with fewer comparable runs than this gives no verdict."),
    baselineErrorRate: z
      .number()
      .positive()
      .max(0.2)
      .default(0.01)
      .describe(
        "With a baseline, how often a run may be called slower although nothing has changed: a permutation test on medians has this error rate.",
      ),
    requestMs: z
      .number()
      .int()
      .positive()
      .default(2_000)
      .describe("A request of a test that has no answer after this long counts as dropped."),
    probeEveryMs: z
      .number()
      .int()
      .positive()
      .default(5)
      .describe("Interval between the open-loop prober's requests at the main vantage point."),
    probeOthersEveryMs: z
      .number()
      .int()
      .positive()
      .default(50)
      .describe("The same interval at the other vantage points, and for heartbeats on kept connections."),
    probeTimeoutMs: z
      .number()
      .int()
      .positive()
      .default(1_000)
      .describe("A request of the prober that has no answer after this long is lost."),
    meshMs: z
      .number()
      .int()
      .positive()
      .default(600_000)
      .describe(
        "How long meshing may take, from Helm's install until the canary service answers in both directions.",
      ),
    falseAlarm: z
      .number()
      .positive()
      .max(0.01)
      .default(1e-6)
      .describe(
        "Probability that random sampling makes a healthy mesh fail a test; sample sizes are computed from it.",
      ),
  })
  .prefault({});

export type Budgets = Infer<typeof budgetsSchema>;

/**
 * Limits of the test machine. Beyond them a verdict is `unknown`, never pass or fail. Lateness bounds the error of
 * measured losses, so a verdict on a budget allows 5 % of that budget for it and 25 % for a stall (judge/rig.ts);
 * `latenessP99Ms` and `stallMs` hold where no budget is judged, or a budget of zero. On an idle machine the prober is
 * less than 3 ms late.
 */
export const rigSchema = z
  .strictObject({
    latenessP99Ms: z
      .number()
      .positive()
      .default(200)
      .describe(
        "Where no budget of lost time is judged, 99 % of the prober's requests must be sent no later than this after their due time. With one it is 5 % of that budget.",
      ),
    stallMs: z
      .number()
      .positive()
      .default(1000)
      .describe(
        "Likewise for the latest single request: beyond this the prober stalled and the verdict is unknown. With a budget it is 25 % of that budget.",
      ),
    controlLossShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe(
        "Share of control requests (to the prober's own loopback, which bypasses the mesh) that may fail.",
      ),
    foreignCores: z
      .number()
      .positive()
      .default(0.8)
      .describe(
        "Cores that programs other than the lab and the harness may use for three consecutive seconds during a test.",
      ),
    hostStallMs: z
      .number()
      .positive()
      .default(5000)
      .describe("How late the harness's own one-second timer may fire during a test."),
    freeDiskBytes: z
      .number()
      .int()
      .positive()
      .default(1024 ** 3)
      .describe(
        "Free bytes that must remain on the disks of Docker's folder and of the reports during a test.",
      ),
  })
  .prefault({});
