import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const versionsSchema = z.object({ kubernetes: z.string(), cilium: z.string() });
/** What one cluster asks for. `cilium` is a version such as `1.19.4`, or the path of a local checkout. */
export type Versions = Infer<typeof versionsSchema>;

export const provenanceSchema = z.object({
  name: z.string(),
  version: z.string(),
  origin: z.string().describe("Where it was fetched or built from."),
  /** A checksum with its algorithm in front: `h1:...`, `sha256:...`. */
  sum: z.string().describe("Checksum."),
  notes: z.array(z.string()).exactOptional(),
});
/** Where a thing came from, for the report: module sums, Debian package hashes, registry digests. */
export type Provenance = Infer<typeof provenanceSchema>;

const clusterArtifactsSchema = z.object({
  versions: versionsSchema,
  /** The version that Cilium reports of itself, such as `1.19.4`. */
  ciliumVersion: z.string(),
  /** A reference that the local Docker daemon resolves. */
  nodeImage: z.string(),
  nodeImageId: z.string(),
  /** A folder that holds Cilium's own Helm chart. */
  chartDir: z.string(),
  /** Values that point the chart at these images, and nothing else. */
  imageValues: z.record(z.string(), z.unknown()),
  /** `host:port` of a plain-HTTP mirror that the nodes' containerd pulls through; none where all is preloaded. */
  mirror: z.string().exactOptional(),
  /** Cilium's images as the local Docker daemon holds them; none where nodes pull them, or hold them in their own image alone. */
  ciliumImages: z.array(z.string()),
  /** Archives that every node must import because its image lacks them. */
  importArchives: z.array(z.string()),
});
/** What a cluster is made from. */
export type ClusterArtifacts = Infer<typeof clusterArtifactsSchema>;

const toolsSchema = z.object({ kind: z.string(), helm: z.string() });
export type Tools = Infer<typeof toolsSchema>;

const imageSources = ["registry", "source", "archive"] as const;
export type ImageSource = (typeof imageSources)[number];

export const artifactsSchema = z.object({
  source: z.enum(imageSources),
  /** One sentence: why this source, and what was tried before it. */
  reason: z.string(),
  tools: toolsSchema,
  /** By cluster name. */
  clusters: z.record(z.string(), clusterArtifactsSchema),
  /** Backends of the suites. */
  agnhostImage: z.string(),
  /** Holds the program `nginx`: published, or the prober's own image with Debian's. */
  nginxImage: z.string(),
  /** The in-cluster prober; the local Docker daemon has it too, for the outside client. */
  proberImage: z.string(),
  provenance: z.array(provenanceSchema),
});
export type Artifacts = Infer<typeof artifactsSchema>;
