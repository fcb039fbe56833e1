import { closest } from "#harness/lib/closest.ts";
import { isAtLeast } from "#harness/lib/version.ts";
import { annotation, isGlobal } from "./annotations.ts";

/** An annotation that does not mean what it looks like, and what to write. */
interface AnnotationFault {
  /** The annotation that was meant. */
  readonly of: string;
  readonly what: string;
  readonly next: string;
  /** Whether it takes backends away from clients. */
  readonly breaks: boolean;
}

const truths: readonly string[] = [
  annotation.global,
  annotation.shared,
  annotation.syncEndpointSlices,
  annotation.oldGlobal,
  annotation.oldShared,
];
const affinities: readonly string[] = [annotation.affinity, annotation.oldAffinity];
const known = new Set<string>([...Object.values(annotation)]);
/** The mesh's annotations of services, the names of today first. */
const marks: readonly string[] = [...truths, ...affinities];

/** Names of today, each with its older one. */
const renamed: readonly (readonly [now: string, old: string])[] = [
  [annotation.global, annotation.oldGlobal],
  [annotation.shared, annotation.oldShared],
  [annotation.affinity, annotation.oldAffinity],
];

const wordsOf = (key: string): string[] => key.toLowerCase().split(/[._/-]+/);
const hasSameWords = (a: string, b: string): boolean => wordsOf(a).sort().join() === wordsOf(b).sort().join();

/** The mark that somebody probably meant who wrote a name that is none: another order, separator, group or spelling. */
function meantBy(key: string): string | undefined {
  // Few keys speak of Cilium, however it is spelt, and a service may have many.
  if (known.has(key) || !/cil|ium/i.test(key)) return undefined;
  const near = marks.find((mark) => hasSameWords(mark, key)) ?? closest(key, marks);
  if (near !== undefined) return nearest(near);
  const isLike = /global|shared|affinity|sync.*slice/i.test(key) && wordsOf(key).includes("cilium");
  return isLike ? nearest(key) : undefined;
}

interface Marked {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * What a version makes of a service's annotations for the mesh (pkg/annotation/clustermesh.go@1.20.2), and marks that
 * nobody reads: Cilium knows two names of each, and reads annotations only (`annotation.Get`,
 * pkg/annotation/k8s.go:304@1.20.2).
 */
export function annotationFaults(service: Marked, version: string | undefined): AnnotationFault[] {
  const { annotations, labels = {} } = service;
  return [
    ...Object.entries(annotations).flatMap((one) => faultsOf(one, service, version)),
    ...Object.entries(labels).flatMap((one) => labelFault(one, service)),
    ...contradictions(annotations),
  ];
}

/** Whether the service is not global because of a mark that nobody reads. */
const isKeptOut = (of: string, value: string, { annotations }: Marked): boolean =>
  of === annotation.global && value.toLowerCase() === "true" && !isGlobal(annotations);

/** One that stands beside the annotation, as where somebody selects by it, does no harm. */
function labelFault([key, value]: readonly [string, string], service: Marked): AnnotationFault[] {
  const of = marks.includes(key) ? nearest(key) : meantBy(key);
  if (of === undefined) return [];
  const names = renamed.find(([now]) => now === of) ?? [of];
  if (names.some((name) => service.annotations[name] !== undefined)) return [];
  return [
    {
      of,
      what: `label ${key}: ${JSON.stringify(value)} has no effect: Cilium reads annotations, and not labels`,
      next: `set the annotation ${of} instead`,
      breaks: isKeptOut(of, value, service),
    },
  ];
}

function faultsOf(
  [key, value]: readonly [string, string],
  service: Marked,
  version: string | undefined,
): AnnotationFault[] {
  const shown = `${key}: ${JSON.stringify(value)}`;
  if (truths.includes(key) && !/^(?:true|false)$/i.test(value))
    return [
      {
        of: key === annotation.oldGlobal ? annotation.global : key,
        what: `${shown} is read as "false": any value but "true" is`,
        next: `set ${key} to "true" or "false"`,
        breaks: true,
      },
    ];
  if (affinities.includes(key)) return affinityFault({ key, value, shown }, version);
  if (key === annotation.globalNamespace)
    return [
      {
        of: annotation.global,
        what: `${shown} is for namespaces, and has no effect on a service`,
        next: `use ${annotation.global}`,
        breaks: false,
      },
    ];
  const meant = meantBy(key);
  if (meant === undefined) return [];
  return [
    {
      of: meant,
      what: `${shown} is no annotation that Cilium knows`,
      next: `use ${meant}`,
      breaks: isKeptOut(meant, value, service),
    },
  ];
}

/** An old name beside the new one, with another value (`annotation.Get`, pkg/annotation/k8s.go:304@1.20.2). */
function contradictions(annotations: Readonly<Record<string, string>>): AnnotationFault[] {
  return renamed.flatMap(([now, old]) => {
    const [a, b] = [annotations[now], annotations[old]];
    if (a === undefined || b === undefined || a.toLowerCase() === b.toLowerCase()) return [];
    return [
      {
        of: now,
        what: `${now} is ${a}, ${old} is ${b}: the first counts`,
        next: `set ${now} to ${b} if that is what is meant, and remove ${old}`,
        // The service is not joined, although an annotation says so, or the other way round.
        breaks: now !== annotation.affinity,
      },
    ];
  });
}

/** The mark of today that a name speaks of. */
function nearest(key: string): string {
  if (/sync.*slice/i.test(key)) return annotation.syncEndpointSlices;
  if (/affinity/i.test(key)) return annotation.affinity;
  return /shared/i.test(key) ? annotation.shared : annotation.global;
}

/** `none` is a known defect of its own. Up to 1.19.5 other values than the two exclude the backends of other clusters. */
function affinityFault(
  { key, value, shown }: { readonly key: string; readonly value: string; readonly shown: string },
  version: string | undefined,
): AnnotationFault[] {
  if (["", "none", "local", "remote"].includes(value.toLowerCase())) return [];
  const excludes = version !== undefined && !isAtLeast(version, "1.19.6");
  return [
    {
      of: annotation.affinity,
      what: `${shown} is not understood: ${excludes ? `Cilium ${version} then leaves out the backends of other clusters` : "it counts as none"}`,
      next: `set ${key} to "local", "remote" or "none"`,
      breaks: excludes,
    },
  ];
}
