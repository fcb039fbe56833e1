import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { substitutedSchema } from "./artifacts.ts";
import { certificateFindingSchema } from "./certificate-finding.ts";
import { sourceTrees } from "./measurement.ts";
import { outcomes } from "./verdict.ts";

export const certifications = ["certified", "certified with findings", "not certified", "unknown"] as const;
export type Certification = (typeof certifications)[number];

const ms = z.number();

/** What a path of the continuous traffic tests. */
export const trafficGroups = [
  "own cluster",
  "other cluster",
  "outside",
  "names",
  "headless",
  "multi-cluster service",
  "policy",
  "policy without cluster label",
] as const;
export type TrafficGroup = (typeof trafficGroups)[number];

const disruption = z.object({
  path: z.string().describe("Client, server and protocol."),
  group: z
    .enum(trafficGroups)
    .exactOptional()
    .describe(
      "`policy without cluster label`: whether it is allowed depends on policyDefaultLocalCluster, whose default changed with 1.19.",
    ),
  kind: z.enum(["new connection", "http keep-alive", "tcp heartbeat", "udp flow", "dns"]),
  sent: z.number().int(),
  lost: z.number().int(),
  everyMs: ms.exactOptional().describe("The interval of its requests: a shorter gap is not seen."),
  lostMs: ms.describe(
    "The total time without service: the sum of the times between two correct answers with a loss between them. Without `everyMs` (certificates of before 2026-11-29) lost requests times their interval.",
  ),
  longestGapMs: ms.describe(
    "The longest time between two correct answers with a loss between them; in certificates of before 2026-11-27 also without one.",
  ),
  resets: z.number().int().describe("How often a kept connection ended."),
  ends: z
    .array(
      z.object({
        afterMs: ms,
        cause: z.string().describe("The event in the mesh just before it; empty if there was none."),
        disturbance: z.boolean().exactOptional(),
      }),
    )
    .exactOptional()
    .describe("Of kept connections: at most five."),
  outages: z
    .array(
      z.object({
        afterMs: ms.describe(
          "Of the last correct answer, since the start of the phase; negative if that was in an earlier one.",
        ),
        gapMs: ms,
        lost: z.number().int(),
        cause: z.string().describe("The event in the mesh just before it; empty if there was none."),
        firstLostMs: ms.exactOptional().describe("Of the first lost request, since the start of the phase."),
        firstLoss: z
          .string()
          .exactOptional()
          .describe("How the first lost request ended: its outcome, and the prober's detail."),
        client: z.string().exactOptional().describe("The node of the client."),
        backend: z.string().exactOptional().describe("What gave the last correct answer, and its node."),
        controls: z
          .array(z.string())
          .exactOptional()
          .describe(
            "Paths with no mesh in them that lost something at the same time: the test machine's, or those of one cluster.",
          ),
        disturbance: z
          .boolean()
          .exactOptional()
          .describe("Whether the event before it was a disturbance that the certification made on purpose."),
      }),
    )
    .describe("The longest first: at most five, and as many as fifty caused by disturbances."),
});
/** What one path lost in one phase. */
export type Disruption = Infer<typeof disruption>;

const event = z.object({
  afterMs: ms.describe("Time since the start of the phase."),
  what: z.string(),
  cluster: z.string().exactOptional(),
  node: z.string().exactOptional(),
  untilMs: ms.exactOptional().describe("The end of what lasts, such as a reboot."),
  kind: z
    .enum(["disturbance", "policy meaning"])
    .exactOptional()
    .describe(
      "`disturbance`: made on purpose, or following from that; `policy meaning`: a change of what a policy without a cluster label selects.",
    ),
});
/** An event in the mesh, as its API servers reported it. */
export type MeshEvent = Infer<typeof event>;

const leak = z.object({
  afterMs: ms,
  from: z.string(),
  to: z.string(),
  packets: z.number().int(),
  spanMs: ms,
  cause: z.string().exactOptional().describe("The event in the mesh just before the first packet."),
});
/** Packets of denied traffic that were captured at a place that policy should keep them from. */
export type Leak = Infer<typeof leak>;

const changeSchema = z.object({ cluster: z.string(), to: z.enum(["old", "new"]) });

export const phaseSchema = z.object({
  name: z.string(),
  change: changeSchema.nullable().describe("The move of the phase; null in a phase without a change."),
  versions: z.record(z.string(), z.string()).describe("The version of each cluster at the end of the phase."),
  startMs: ms.describe("Time since the cycle began."),
  durationMs: ms.describe("From the end of what was before it: between phases there is no time."),
  changeMs: ms
    .exactOptional()
    .describe(
      "How long the move took, until the mesh was ready in the new version; durationMs also holds what was observed after it. Absent in a phase without a move, where the move failed, and in certificates of before 2026-11-29.",
    ),
  measuredMs: ms.describe(
    "The part of it in which every path was measured at its full rate: the least of all paths.",
  ),
  disruptions: z.array(disruption),
  deniedSent: z
    .number()
    .int()
    .describe("Number of requests sent that policy must stop. Without any, no leak can be detected."),
  leaks: z.array(leak),
  events: z.array(event),
  changed: z.array(z.string()).describe("State that should have survived the phase and did not."),
  suites: z.array(
    z.object({
      name: z.string(),
      run: z.string(),
      tests: z.partialRecord(z.enum(outcomes), z.number().int()),
      failures: z.array(z.string()),
      unknown: z.array(z.string()).exactOptional().describe("Tests without a verdict, with what spoiled it."),
      accepted: z.array(z.string()).describe("Failures that `--accept` names."),
      errors: z.array(z.string()).describe("Errors of the harness in set-up or clean-up."),
      unsupported: z.array(z.string()),
      skipped: z.array(z.string()),
    }),
  ),
  rig: z
    .array(z.string())
    .describe("Troubles of the test machine that make the phase's figures unusable, if any."),
  unseen: z
    .array(z.string())
    .exactOptional()
    .describe("What was not observed although the figures are valid, such as a capture that ended early."),
  harness: z
    .array(z.string())
    .describe("Errors of the harness, which say nothing about the upgrade and make the result unknown."),
  error: z.string().nullable().describe("Why the upgrade did not complete, with the last observed state."),
});
export type PhaseRecord = Infer<typeof phaseSchema>;

/** A phase without measurements. */
export const unmeasuredPhase = (name: string, versions: PhaseRecord["versions"]): PhaseRecord => ({
  name,
  change: null,
  versions,
  startMs: 0,
  durationMs: 0,
  measuredMs: 0,
  disruptions: [],
  deniedSent: 0,
  leaks: [],
  events: [],
  changed: [],
  suites: [],
  rig: [],
  harness: [],
  error: null,
});

/** With a smaller share of measured time, a phase or a cycle shows little of what happened in it. */
export const leastMeasuredShare = 0.98;

/** A phase's window of its own for suites, in which traffic is slower, so that its losses are not judged. */
export const suiteWindowSchema = phaseSchema.extend({
  intervalFactor: z.number().describe("Factor by which the interval of the traffic grew meanwhile."),
});
export type SuiteWindow = Infer<typeof suiteWindowSchema>;

export const interruptionSchema = z.object({
  phase: z.string().describe("The phase that was interrupted, and measured again."),
  startMs: ms.describe("Since the cycle began."),
  durationMs: ms.describe("Nothing was measured in this time."),
});

const ofCycle = {
  cycle: z.number().int().describe("Number of the cycle, as in `cycles`."),
};

const boundSchema = z.object({
  moves: z.string().describe("Which moves: all to this version, or those of one phase."),
  n: z.number().int().describe("Their number."),
  labs: z.number().int().describe("The number of labs that they come from."),
  lost: z.number().int().describe("Moves in which a request was lost or a kept TCP connection ended."),
  upperShare: z
    .number()
    .describe("At most this share of moves loses something: the exact binomial bound, at 95 %."),
  text: z.string(),
});
export type Bound = Infer<typeof boundSchema>;

const cycleSchema = z.object({
  ...ofCycle,
  runId: z.string(),
  of: z.number().int().describe("Its number in that run."),
  date: z.string(),
  lab: z.string().describe("Different for every lab that was created."),
  order: z.array(z.string()),
  method: z.number().int(),
  settingHash: z.string().describe("Everything of lab, machine and move that can change a result."),
  sourceHash: z.string().describe("The sources that can affect a result."),
  sourceTree: z.enum(sourceTrees).describe("Whether they were as committed."),
  calibrationMs: ms.exactOptional().describe("Duration of a fixed task on this machine."),
  durationMs: ms.describe("All phases and interruptions; without the windows of suites."),
  measuredMs: ms,
  verdict: z.enum(certifications),
  interruptions: z.array(interruptionSchema),
});

/** The certificate of one upgrade, as in `certificate.yaml`. */
export const certificateSchema = z.object({
  apiVersion: z.literal("meshproof/v2"),
  kind: z.literal("UpgradeCertificate"),
  from: z.string(),
  to: z.string(),
  direction: z
    .enum(["forth", "back"])
    .describe("`back`: of the moves back in the cycles of the opposite upgrade."),
  order: z
    .array(z.string())
    .describe("The order in which clusters were upgraded first; then in the opposite one, if at all."),
  verdict: z.enum(certifications),
  reasons: z.array(z.string()).describe("Why the upgrade is not certified, or why the result is unknown."),
  findings: z
    .array(certificateFindingSchema)
    .describe("What an operator should know before the upgrade, each with its grade."),
  bounds: z.array(boundSchema),
  date: z.string(),
  runId: z.string(),
  command: z.string().describe("The command that repeats the certification."),
  harness: z.string().describe("The commit of Meshproof."),
  profile: z.string(),
  kernel: z.string(),
  machine: z.string(),
  clusters: z.array(
    z.object({
      name: z.string(),
      id: z.number().int(),
      kubernetes: z.string(),
      nodes: z.array(z.string()),
      nodeImage: z.string(),
      nodeImageId: z.string(),
    }),
  ),
  images: z.array(z.object({ version: z.string(), reference: z.string(), id: z.string() })),
  substitutions: z.array(substitutedSchema).describe("Refused modules and what was built instead."),
  budgets: z.object({ upgradeGapMs: ms, upgradeLostMs: ms }),
  features: z.object({
    phase: z.string().describe("The phase whose suites reported it."),
    supported: z.array(z.string()),
    unsupported: z.array(z.string()),
    skipped: z.array(z.string()),
  }),
  cycles: z.array(cycleSchema),
  leftOut: z
    .array(z.object({ runId: z.string(), of: z.number().int(), why: z.array(z.string()) }))
    .describe("Cycles of the same runs that are not in this certificate; all of them were unknown."),
  phases: z.array(phaseSchema.extend(ofCycle)),
  suiteWindows: z.array(suiteWindowSchema.extend(ofCycle)),
});
export type Certificate = Infer<typeof certificateSchema>;

/** Certificates of version 1 were withdrawn: their phases were measured in part only. */
export const certificateFormat: RecordFormat<Certificate> = {
  schema: certificateSchema,
  version: { key: "apiVersion", current: 2 },
};
