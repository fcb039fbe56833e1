import type { YamlDocument } from "#harness/config/yaml-objects.ts";
import type { Note, SourceObject } from "#harness/model/source-environment.ts";

type Values = Record<string, unknown>;

/** What the configuration of a distribution says of its cluster; CIDRs of one key are joined by commas. */
export interface Networking {
  readonly podSubnet?: string;
  readonly serviceSubnet?: string;
  readonly kubernetesVersion?: string;
  /** Of the API server: `30000-32767`. */
  readonly nodePortRange?: string;
}

/** Data about one cluster from one file. */
export interface Part {
  readonly source: string;
  /** Undefined if the file does not name its cluster. */
  readonly cluster: string | undefined;
  readonly values?: Values;
  /** Of a chart whose defaults are not those of Cilium's own: what is below the values. */
  readonly defaults?: Values;
  readonly config?: Readonly<Record<string, string>>;
  /** Of Cilium's chart, where the file holds it. */
  readonly version?: string;
  readonly networking?: Networking;
  /** What an object of another program, such as Cluster API, calls the cluster: perhaps it is Cilium's name too. */
  readonly managed?: string;
  /** What to give in its place, if it names no cluster because its tool makes it for each of several. */
  readonly ofEach?: string;
  readonly objects: readonly SourceObject[];
  readonly notes: readonly Note[];
  readonly sysdump: boolean;
  /** Of its `SourceFile`: where it was found tells of which cluster it is, if it does not. */
  readonly below?: string;
  readonly unit?: readonly string[];
}

/** What one document says, before it is known of which file and cluster it is. */
export type Piece = Omit<Part, "source" | "sysdump" | "below" | "unit">;

/** A text file of the source; its documents are not understood yet. */
export interface SourceFile {
  readonly path: string;
  /** Of `NAME=FILE`. */
  readonly cluster: string | undefined;
  /** The given folder in which it was found. */
  readonly below?: string;
  /** The kustomizations that made its documents, from the outermost: what one makes is of the cluster that it names. */
  readonly unit?: readonly string[];
  /** Its place among all that was given: of values, later files take precedence. */
  readonly order: number;
  /** Undefined for documents that no file holds as they are. */
  readonly text?: string;
  readonly documents: readonly YamlDocument[];
  readonly notes: readonly Note[];
  /** What is to be said of the cluster of one of its objects. */
  readonly ofObjects?: ReadonlyMap<unknown, readonly Note[]>;
}

/** As far as `NAME=FILE` tells. */
export const isOfOneCluster = (a: SourceFile, b: SourceFile): boolean =>
  a.cluster === undefined || b.cluster === undefined || a.cluster === b.cluster;

/** A file of which nothing is read. */
export const leftOut = (path: string, why: string): Note => ({
  field: "file",
  inSource: `${path}: ${why}`,
  inLab: "left out",
  matters: "perhaps",
  part: "other",
});

/** A file of which it is not known which cluster's it is; of a file that the operator names, it is. */
export const unreadFile = (path: string, why: string, cluster: string | undefined): Note => ({
  ...leftOut(path, why),
  ...(cluster === undefined ? { ofNoCluster: true as const } : {}),
});

const twice = "twice in one mapping of ";
export const repeatedKey = (key: string, path: string): Note => ({
  field: `key ${key}`,
  inSource: `${twice}${path}`,
  inLab: "the last one, as in Helm and kubectl",
  matters: "yes",
  part: "source",
});
export const isRepeatedKey = ({ inSource }: Note): boolean => inSource.startsWith(twice);

export const notRead = (what: string): Note => ({
  field: "values in other files",
  inSource: what,
  inLab: "not read: give these files too",
  matters: "perhaps",
  part: "other",
});

const notUsedEither = "not used either";
export const unusedValue = (field: string, inSource: string): Note => ({
  field,
  inSource,
  inLab: notUsedEither,
  matters: "yes",
  part: "source",
});
/** Values beside others, which the tool takes in their stead. */
export const notUsed = (
  { path, instead }: { readonly path: string; readonly instead: string },
  where: string,
): Note => ({
  ...unusedValue(path, `set ${where}, where ${instead} is set too, which is used in its place`),
  part: "other",
});
/** Values of a file that are in force nowhere, whatever the version. */
export const isUnusedValue = ({ inLab }: Note): boolean => inLab === notUsedEither;

/** Something of the source that nobody knows without rendering it. */
export const notRebuilt = (field: string, inSource: string, remedy: string): Note => ({
  field,
  inSource,
  inLab: `not rebuilt: ${remedy}`,
  matters: "yes",
  part: "other",
});

/** What a tool would do with the source's objects, and nobody did. `remedy`: what to give in its place. */
export const notApplied = (field: string, inSource: string, why: string): Note => ({
  field,
  inSource,
  inLab: `left out: ${why}`,
  matters: "yes",
  part: "other",
});
