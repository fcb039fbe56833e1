import { z } from "zod";
import type { Infer, RecordFormat } from "#harness/lib/records.ts";
import { outcomes } from "./verdict.ts";

export const certifications = ["certified", "certified with findings", "not certified", "unknown"] as const;
export type Certification = (typeof certifications)[number];

const ms = z.number();

const disruption = z.object({
  path: z.string().describe("Who asks whom, over what."),
  kind: z.enum(["new connection", "http keep-alive", "tcp heartbeat", "udp flow", "dns"]),
  sent: z.number().int(),
  lost: z.number().int(),
  lostMs: ms.describe(
    "Lost requests times their spacing: all the time without service, losses in between included.",
  ),
  longestGapMs: ms.describe("The longest time without a good answer."),
  resets: z.number().int().describe("Of kept connections: how often one ended."),
  outages: z
    .array(
      z.object({
        afterMs: ms.describe("Since the phase began."),
        gapMs: ms,
        lost: z.number().int(),
        cause: z.string().describe("What happened in the mesh just before; empty where nothing did."),
      }),
    )
    .describe("The longest first, at most five."),
});
/** What one path lost in one phase. */
export type Disruption = Infer<typeof disruption>;

const event = z.object({ afterMs: ms.describe("Since the phase began."), what: z.string() });
/** What happened in the mesh, as its API servers told. */
export type MeshEvent = Infer<typeof event>;

const leak = z.object({
  afterMs: ms,
  from: z.string(),
  to: z.string(),
  packets: z.number().int(),
  spanMs: ms,
});
/** Packets of denied traffic that were captured where the policy should have kept them from. */
export type Leak = Infer<typeof leak>;

export const phaseSchema = z.object({
  name: z.string(),
  versions: z.record(z.string(), z.string()).describe("What each cluster runs when the phase is over."),
  durationMs: ms,
  disruptions: z.array(disruption),
  deniedSent: z
    .number()
    .int()
    .describe("Requests that policy must stop: a leak could only show where there are some."),
  leaks: z.array(leak),
  events: z.array(event),
  changed: z.array(z.string()).describe("State that should have survived and did not."),
  suites: z.array(
    z.object({
      name: z.string(),
      run: z.string(),
      tests: z.partialRecord(z.enum(outcomes), z.number().int()),
      failures: z.array(z.string()),
      unsupported: z.array(z.string()),
      skipped: z.array(z.string()),
    }),
  ),
  rig: z.array(z.string()).describe("What spoiled the phase's figures, if anything."),
  unseen: z
    .array(z.string())
    .exactOptional()
    .describe("What was not watched or read, though the figures stand: a capture that ended, for one."),
  error: z.string().nullable().describe("An upgrade that did not come about, and what was last seen of it."),
});
export type PhaseRecord = Infer<typeof phaseSchema>;

/** A phase of which nothing was measured. */
export const unmeasuredPhase = (name: string, versions: PhaseRecord["versions"]): PhaseRecord => ({
  name,
  versions,
  durationMs: 0,
  disruptions: [],
  deniedSent: 0,
  leaks: [],
  events: [],
  changed: [],
  suites: [],
  rig: [],
  error: null,
});

/** The certificate of one upgrade, as `certificate.yaml` holds it. */
export const certificateSchema = z.object({
  apiVersion: z.literal("meshproof/v1"),
  kind: z.literal("UpgradeCertificate"),
  from: z.string(),
  to: z.string(),
  order: z.array(z.string()),
  verdict: z.enum(certifications),
  reasons: z.array(z.string()).describe("What decided against it, or leaves it unknown."),
  findings: z.array(z.string()).describe("What an operator should know before the upgrade."),
  date: z.string(),
  runId: z.string(),
  command: z.string().describe("Makes it anew."),
  harness: z.string().describe("Commit of Meshproof."),
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
  budgets: z.object({ upgradeGapMs: ms, upgradeLostMs: ms }),
  features: z.object({
    phase: z.string().describe("Whose suites said so."),
    supported: z.array(z.string()),
    unsupported: z.array(z.string()),
    skipped: z.array(z.string()),
  }),
  phases: z.array(phaseSchema),
});
export type Certificate = Infer<typeof certificateSchema>;

export const certificateFormat: RecordFormat<Certificate> = {
  schema: certificateSchema,
  version: { key: "apiVersion", current: 1 },
};
