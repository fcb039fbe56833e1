import semver from "semver";
import { type ClusterEvidence, notCollected, notSupplied } from "#harness/evidence/evidence.ts";
import { snapshotOf } from "#harness/evidence/snapshot.ts";
import { found } from "#harness/lib/found.ts";
import { present } from "#harness/lib/present.ts";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { SourceCluster, SourceObject } from "#harness/model/source-environment.ts";
import type { CrdState } from "#harness/semantics/crd-versions.ts";
import {
  type ClusterSettings,
  isKnownChart,
  knownConfig,
  type SettingChange,
  settingChanges,
  settingsAfter,
} from "#harness/semantics/setting-changes.ts";
import type { Part } from "../../repro/part.ts";
import { clustersOf } from "../../repro/parts-by-cluster.ts";
import { partOf } from "../../repro/sysdump-parts.ts";
import { objectsBeside } from "./objects-beside.ts";

/** One cluster before an upgrade, from whatever was given of it. */
export interface CheckedCluster {
  readonly name: string;
  readonly source: SourceCluster;
  readonly evidence: ClusterEvidence;
  /** The same, read once: that of a large cluster takes seconds. */
  readonly snapshot: ClusterSnapshot;
  /** Of a live cluster or an archive, not of loose files: then what is missing is missing. */
  readonly isWhole: boolean;
  readonly policiesRead: boolean;
  /** Undefined if neither the files nor `--from` tell. */
  readonly from: string | undefined;
  readonly to: string;
  readonly settings: ClusterSettings;
  /** Of cilium-config; empty if the charts of one of the two versions are not known. */
  readonly changes: readonly SettingChange[];
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
  readonly crds?: readonly CrdState[];
}

/** What was read of a mesh: evidence by cluster, and parts of loose files. */
export interface ReadMesh {
  readonly evidence: ReadonlyMap<string, ClusterEvidence>;
  readonly parts: readonly Part[];
  readonly crds: ReadonlyMap<string, readonly CrdState[]>;
}

export function checkedMesh(
  read: ReadMesh,
  { from, to }: { readonly from: string | undefined; readonly to: string },
): CheckedCluster[] {
  const parts = [
    ...[...read.evidence].map(([name, files]) => {
      const part = partOf(name, { cluster: name, evidence: supplied(files) });
      return { ...part, objects: [...part.objects, ...objectsBeside(part.objects, files)] };
    }),
    ...read.parts,
  ];
  const sources = clustersOf(parts, 1);
  const evidence = new Map(sources.map((s) => [s.name, withLooseFiles(s, read.evidence.get(s.name))]));
  const snapshots = snapshotOf(evidence).clusters;
  return sources.map((source, i) => {
    const version = from ?? releaseOf(source);
    const settings = settingsOf(source);
    const isCompared = version !== undefined && isKnownChart(version) && isKnownChart(to);
    const before = knownConfig(version ?? to, settings);
    const changes = isCompared ? settingChanges(version, to, settings) : [];
    const isWhole = read.evidence.has(source.name);
    return {
      name: source.name,
      source,
      evidence: found(evidence.get(source.name), `evidence of ${source.name}`),
      snapshot: found(snapshots[i], `snapshot of ${source.name}`),
      isWhole,
      policiesRead: isWhole || source.policies.length + source.clusterwide.length > 0,
      from: version,
      to,
      settings,
      changes,
      before,
      after: settingsAfter(before, changes),
      ...present({ crds: read.crds.get(source.name) }),
    };
  });
}

const supplied = (files: ClusterEvidence): ClusterEvidence =>
  new Map([...files].filter(([, text]) => !text.startsWith(notSupplied) && !text.startsWith(notCollected)));

/** Undefined if the files do not tell; the tag of an image may be any number, such as a date. */
export const releaseOf = ({ cilium }: SourceCluster): string | undefined =>
  semver.coerce(cilium ?? "")?.version;

const isEmpty = (object: object): boolean => Object.keys(object).length === 0;

const settingsOf = ({ values, config }: SourceCluster): ClusterSettings =>
  present({ values: isEmpty(values) ? undefined : values, config: isEmpty(config) ? undefined : config });

/** Where loose files are given beside an archive, the objects of both; of two with one name, that of the loose file. */
function withLooseFiles(source: SourceCluster, whole: ClusterEvidence | undefined): ClusterEvidence {
  if (whole === undefined) return evidenceOf(source);
  if (source.sources.every((file) => file === source.name)) return whole;
  const isRead = (name: string): boolean => whole.get(name)?.startsWith("[") !== false;
  return new Map([...whole, ...[...evidenceOf(source)].filter(([name]) => isRead(name))]);
}

/** Each once: the last one given. */
const distinct = (objects: readonly SourceObject[]): SourceObject[] => [
  ...new Map(
    objects.map((o) => [JSON.stringify([o.kind, o.metadata.namespace, o.metadata.name]), o]),
  ).values(),
];

/** The objects of loose files in the form of evidence. Files that would be empty are left out: nobody said they are. */
function evidenceOf(source: SourceCluster): ClusterEvidence {
  const { policies, clusterwide, others } = source;
  const of = (kind: string): SourceObject[] => policies.filter((p) => p.kind === kind);
  const hasPolicies = policies.length + clusterwide.length > 0;
  const files: [string, readonly SourceObject[], always: boolean][] = [
    ["services.json", source.services, false],
    ["pods.json", source.pods, false],
    ["namespaces.json", source.namespaces, false],
    ["networkpolicies.json", of("NetworkPolicy"), hasPolicies],
    ["ciliumnetworkpolicies.json", of("CiliumNetworkPolicy"), hasPolicies],
    ["ciliumclusterwidenetworkpolicies.json", clusterwide, hasPolicies],
    ["clusternetworkpolicies.json", others.filter((o) => o.kind === "ClusterNetworkPolicy"), false],
  ];
  return new Map(
    files
      .filter(([, objects, always]) => always || objects.length > 0)
      .map(([name, objects]) => [name, JSON.stringify(distinct(objects).map(withTexts))]),
  );
}

/** Annotations and labels are texts to the API server, whatever a file has. */
function withTexts(object: SourceObject): SourceObject {
  const texts = (map: object | null | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, String(value)]));
  const { annotations, labels } = object.metadata;
  return {
    ...object,
    metadata: { ...object.metadata, annotations: texts(annotations), labels: texts(labels) },
  };
}

/** The mesh as it is, or as it would be with the new version and the settings of its chart. */
export function snapshotAt(clusters: readonly CheckedCluster[], when: "before" | "after"): MeshSnapshot {
  return {
    clusters: clusters.map((cluster): ClusterSnapshot => {
      const version = when === "before" ? cluster.from : cluster.to;
      return {
        ...cluster.snapshot,
        config: { ok: true, value: { ...cluster[when] } },
        ...(version === undefined ? {} : { ciliumVersion: { ok: true, value: version } }),
      };
    }),
  };
}
