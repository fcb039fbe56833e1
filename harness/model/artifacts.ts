import { z } from "zod";
import type { Infer } from "#harness/lib/records.ts";

const versionsSchema = z.object({ kubernetes: z.string(), cilium: z.string() });
/** What one cluster requests. `cilium` is a version such as `1.19.4`, or the path of a local checkout. */
export type Versions = Infer<typeof versionsSchema>;

export const provenanceSchema = z.object({
  name: z.string(),
  version: z.string(),
  origin: z.string().describe("The source it was fetched or built from."),
  /** A checksum with its algorithm in front: `h1:...`, `sha256:...`. */
  sum: z.string().describe("Checksum."),
  notes: z.array(z.string()).exactOptional().describe("The substitutions that it was built with."),
});
/** The origin of an artifact, for the report: module sums, Debian package hashes, registry digests. */
export type Provenance = Infer<typeof provenanceSchema>;

export const substitutedSchema = z.object({
  components: z.array(z.string()).describe("What was built with it: name and version."),
  what: z.string().describe("The refused module, what was built instead, and why that is harmless."),
});
/** A module that was refused, and what was built instead. */
export type Substituted = Infer<typeof substitutedSchema>;

/** The substitutions that some artifacts were built with; one that several components share is listed once. */
export function substitutedIn(provenance: readonly Provenance[]): Substituted[] {
  const byNote = new Map<string, Set<string>>();
  for (const { name, version, notes = [] } of provenance)
    for (const note of notes)
      byNote.set(note, (byNote.get(note) ?? new Set<string>()).add(`${name} ${version}`));
  return [...byNote].map(([what, components]) => ({ components: [...components], what }));
}

export const describeSubstituted = ({ components, what }: Substituted): string =>
  `${components.join(", ")}: ${what}`;

const clusterArtifactsSchema = z.object({
  versions: versionsSchema,
  /** The version that Cilium itself reports, such as `1.19.4`. */
  ciliumVersion: z.string(),
  /** A reference that the local Docker daemon resolves. */
  nodeImage: z.string(),
  nodeImageId: z.string(),
  /** The folder with Cilium's own Helm chart. */
  chartDir: z.string(),
  /** Values that only point the chart to these images. */
  imageValues: z.record(z.string(), z.unknown()),
  /** `host:port` of a plain-HTTP mirror from which the nodes' containerd pulls; absent if all images are preloaded. */
  mirror: z.string().exactOptional(),
  /** Cilium's images in the local Docker daemon; empty if nodes pull them or have them in the node image. */
  ciliumImages: z.array(z.string()),
  /** Archives that every node must import because its image lacks their images. */
  importArchives: z.array(z.string()),
});
/** What a cluster is made from. */
export type ClusterArtifacts = Infer<typeof clusterArtifactsSchema>;

const toolsSchema = z.object({ kind: z.string(), helm: z.string() });
export type Tools = Infer<typeof toolsSchema>;

/** The Cilium CLI of a lab with profile cli, or why it could not be built. */
const ciliumCliSchema = z.union([
  z.object({ program: z.string(), version: z.string() }),
  z.object({ missing: z.string() }),
]);
export type CiliumCliArtifact = Infer<typeof ciliumCliSchema>;

const imageSources = ["registry", "source", "archive"] as const;
export type ImageSource = (typeof imageSources)[number];

export const artifactsSchema = z.object({
  source: z.enum(imageSources),
  /** One sentence: why this source, and what was tried before it. */
  reason: z.string(),
  tools: toolsSchema,
  ciliumCli: ciliumCliSchema.exactOptional(),
  /** By cluster name. */
  clusters: z.record(z.string(), clusterArtifactsSchema),
  /** The image of the suites' backends. */
  agnhostImage: z.string(),
  /** Contains the program `nginx`: the published image, or the prober's image with Debian's nginx. */
  nginxImage: z.string(),
  /** The in-cluster prober; also in the local Docker daemon, for the client outside the clusters. */
  proberImage: z.string(),
  provenance: z.array(provenanceSchema),
});
export type Artifacts = Infer<typeof artifactsSchema>;
