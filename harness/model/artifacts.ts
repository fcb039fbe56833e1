/** What one cluster asks for. `cilium` is a version such as `1.19.4`, or the path of a local checkout. */
export interface Versions {
  readonly kubernetes: string;
  readonly cilium: string;
}

/** Where a thing came from, for the report: module sums, Debian package hashes, registry digests. */
export interface Provenance {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  /** A checksum with its algorithm in front: `h1:...`, `sha256:...`. */
  readonly sum: string;
  readonly notes?: readonly string[];
}

/** What a cluster is made from. */
export interface ClusterArtifacts {
  readonly versions: Versions;
  /** The version that Cilium reports of itself, such as `1.19.4`. */
  readonly ciliumVersion: string;
  /** A reference that the local Docker daemon resolves. */
  readonly nodeImage: string;
  readonly nodeImageId: string;
  /** A folder that holds Cilium's own Helm chart. */
  readonly chartDir: string;
  /** Values that point the chart at these images, and nothing else. */
  readonly imageValues: Record<string, unknown>;
  /** `host:port` of a plain-HTTP mirror that the nodes' containerd pulls through; none where all is preloaded. */
  readonly mirror?: string;
  /** Cilium's images as the local Docker daemon holds them; none where nodes pull them, or hold them in their own image alone. */
  readonly ciliumImages: readonly string[];
  /** Archives that every node must import because its image lacks them. */
  readonly importArchives: readonly string[];
}

export interface Tools {
  readonly kind: string;
  readonly helm: string;
}

export type ImageSource = "registry" | "source" | "archive";

export interface Artifacts {
  readonly source: ImageSource;
  /** One sentence: why this source, and what was tried before it. */
  readonly reason: string;
  readonly tools: Tools;
  /** By cluster name. */
  readonly clusters: Readonly<Record<string, ClusterArtifacts>>;
  /** Backends of the suites. */
  readonly agnhostImage: string;
  /** Holds the program `nginx`: published, or the prober's own image with Debian's. */
  readonly nginxImage: string;
  /** The in-cluster prober; the local Docker daemon has it too, for the outside client. */
  readonly proberImage: string;
  readonly provenance: readonly Provenance[];
}
