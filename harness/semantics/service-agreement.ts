import { isAtLeast } from "#harness/lib/version.ts";
import {
  affinityOf,
  annotation,
  endpointSyncSetting,
  isGlobal,
  isGlobalNamespace,
  isShared,
  wantsEndpointSlices,
} from "./annotations.ts";

type Annotations = Readonly<Record<string, string>>;

/** What a cluster's own settings make of a service's annotations. */
export interface AnnotatingCluster {
  readonly name: string;
  /** Of Cilium. */
  readonly version?: string;
  /** Of cilium-config; undefined where they are not known. */
  readonly settings?: Readonly<Record<string, string | undefined>>;
  /** Those of them that are placeholders. */
  readonly unknown?: ReadonlySet<string>;
  /** Those that the files hold. */
  readonly namespaces?: readonly { readonly name: string; readonly annotations: Annotations }[];
}

/** A service as one cluster annotates it. */
export interface AnnotatedSide {
  readonly c: AnnotatingCluster;
  readonly service: {
    readonly namespace: string;
    readonly annotations: Annotations;
    /** Exported by a ServiceExport. */
    readonly isExported?: boolean;
    readonly isHeadless?: boolean;
    /** Pods that it selects in its own cluster; undefined if the files do not tell. */
    readonly pods?: number;
  };
}

export interface Disagreement {
  readonly cluster: string;
  readonly problem: string;
  /** `no`: people do it on purpose, and it works. */
  readonly matters: "yes" | "perhaps" | "no";
}

/** Annotations of one service in several clusters that do not fit one another, or the settings of their clusters. */
export const disagreements = (sides: readonly AnnotatedSide[]): Disagreement[] => [
  ...withoutGlobal(sides),
  ...sides
    .filter(isGlobalSide)
    .flatMap((side) => [...keptBack(side), ...notSynchronised(side), ...headless(side, sides)]),
  ...shares(sides.filter(isGlobalSide)),
  ...affinities(sides.filter(isGlobalSide)),
];

const isGlobalSide = ({ service }: AnnotatedSide): boolean => isGlobal(service.annotations);
const namesOf = (sides: readonly AnnotatedSide[]): string => sides.map(({ c }) => c.name).join(" and ");

/** Annotations that mean something for global services only. */
const ofGlobal = [
  annotation.shared,
  annotation.affinity,
  annotation.syncEndpointSlices,
  annotation.oldShared,
  annotation.oldAffinity,
];

/** Where the service is global elsewhere, that it is not here is a problem of its own, which names them too. */
export const idleMarks = ({ annotations }: { readonly annotations: Annotations }): string[] =>
  isGlobal(annotations)
    ? []
    : ofGlobal.flatMap((key) => (annotations[key] === undefined ? [] : [`${key}: "${annotations[key]}"`]));

function withoutGlobal(sides: readonly AnnotatedSide[]): Disagreement[] {
  if (sides.some((s) => isGlobalSide(s) || s.service.isExported === true)) return [];
  return sides.flatMap(({ c, service }): Disagreement[] => {
    const marks = idleMarks(service);
    if (marks.length === 0) return [];
    return [
      {
        cluster: c.name,
        problem: `${marks.join(", ")} has no effect: the service is global in no cluster`,
        matters: "perhaps",
      },
    ];
  });
}

/**
 * A namespace that is not global keeps its services back from 1.20 on, and addresses and identities of its pods from 1.19
 * on (operator/watchers/service_sync.go:295@1.20.2, clustermesh-apiserver/clustermesh/converters.go@1.19.7).
 */
function keptBack({ c, service: { namespace } }: AnnotatedSide): Disagreement[] {
  if (c.settings === undefined || c.version === undefined || !isAtLeast(c.version, "1.19")) return [];
  const key = "clustermesh-default-global-namespace";
  const isDefault = c.unknown?.has(key) === true || c.settings[key] !== "false";
  const found = c.namespaces?.find((n) => n.name === namespace);
  if (found === undefined ? isDefault : isGlobalNamespace(found.annotations, isDefault)) return [];
  const mark = found?.annotations[annotation.globalNamespace];
  const why =
    mark === undefined
      ? `clustermesh.defaultGlobalNamespace is false${found === undefined ? `, unless it has the annotation ${annotation.globalNamespace}: it is in no file` : ""}`
      : `${annotation.globalNamespace}: "${mark}"`;
  const what = isAtLeast(c.version, "1.20")
    ? "its backends and pods are not exported"
    : "identities and addresses of its pods are not exported";
  return [
    {
      cluster: c.name,
      problem: `is global, and its namespace ${namespace} is not in ${c.name} (${why}): ${what}`,
      matters: found === undefined ? "perhaps" : "yes",
    },
  ];
}

/** Of clusters whose settings are known; off by default. */
const isNotSynchronising = ({ settings, unknown }: AnnotatingCluster): boolean =>
  settings !== undefined &&
  settings[endpointSyncSetting] !== "true" &&
  unknown?.has(endpointSyncSetting) !== true;

/** The operator does not read the annotation then (pkg/clustermesh/endpointslicesync/endpointslicesync.go:16@1.20.2). */
function notSynchronised({ c, service: { annotations, isHeadless } }: AnnotatedSide): Disagreement[] {
  if (isHeadless === true || !wantsEndpointSlices(annotations, false) || !isNotSynchronising(c)) return [];
  return [
    {
      cluster: c.name,
      problem: `${annotation.syncEndpointSlices}: "true" has no effect: clustermesh.enableEndpointSliceSynchronization is off in ${c.name}`,
      matters: "perhaps",
    },
  ];
}

/** DNS answers for a headless service with the EndpointSlices of its own cluster, and those that the operator writes. */
function headless(side: AnnotatedSide, sides: readonly AnnotatedSide[]): Disagreement[] {
  const { c, service } = side;
  if (service.isHeadless !== true || !wantsEndpointSlices(service.annotations, true)) return [];
  if (!isNotSynchronising(c)) return [];
  const others = sides.filter((s) => s !== side && isShared(s.service.annotations) && s.service.pods !== 0);
  if (others.length === 0) return [];
  return [
    {
      cluster: c.name,
      problem: `is headless and global, and clustermesh.enableEndpointSliceSynchronization is off in ${c.name}: DNS of ${c.name} answers without the pods of ${namesOf(others)}`,
      // With pods of its own, it may be meant for them alone.
      matters: service.pods === 0 ? "yes" : "perhaps",
    },
  ];
}

function shares(sides: readonly AnnotatedSide[]): Disagreement[] {
  const keeping = sides.filter(({ service }) => !isShared(service.annotations));
  if (sides.length < 2 || keeping.length === 0) return [];
  if (keeping.length === sides.length)
    return [
      {
        cluster: sides.map(({ c }) => c.name).join(", "),
        problem: `is global in ${namesOf(sides)}, and shared by none of them: each uses its own backends only`,
        matters: "perhaps",
      },
    ];
  return keeping.map(({ c }) => ({
    cluster: c.name,
    problem: `is global, and ${c.name} does not share its backends: clients of the other clusters do not use them`,
    matters: "no",
  }));
}

/** Affinity orders backends: `local` takes those of the client's own cluster first, `remote` those of the others. */
function affinities(sides: readonly AnnotatedSide[]): Disagreement[] {
  const [local, remote] = ["local", "remote"].map((word) =>
    sides.filter((s) => affinityOf(s.service.annotations, s.c.version) === word),
  );
  if (local === undefined || remote === undefined) return [];
  const found = remote.flatMap((side): Disagreement[] => {
    const others = sides.filter((s) => s !== side);
    if (others.length === 0 || others.some(({ service }) => isShared(service.annotations))) return [];
    // Without pods of its own nobody serves it at all, which is a problem of its own.
    if (side.service.pods === 0) return [];
    return [
      {
        cluster: side.c.name,
        problem: `affinity "remote" in ${side.c.name} prefers backends of the others, and ${namesOf(others)} shares none`,
        matters: "perhaps",
      },
    ];
  });
  const isLent = local.some(({ service }) => isShared(service.annotations));
  if (!isLent || remote.length === 0) return found;
  return [
    ...found,
    {
      cluster: sides.map(({ c }) => c.name).join(", "),
      problem: `affinity "local" in ${namesOf(local)}, "remote" in ${namesOf(remote)}: clients of both prefer backends of ${namesOf(local)}, and those of ${namesOf(remote)} have clients only where there are no others`,
      matters: "perhaps",
    },
  ];
}
