import { isAtLeast } from "#harness/lib/version.ts";
import { annotation } from "./annotations.ts";

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

/** Names that look like one of the mesh's and are none: another group, another spelling. */
const looksKnown =
  /(?:^|\.)cilium\.io\/.*(?:global|shared|affinity)|^io\.cilium\/.*(?:global|shared|affinity)/i;

/** What a version makes of a service's annotations for the mesh (pkg/annotation/clustermesh.go@1.20.2). */
export function annotationFaults(
  annotations: Readonly<Record<string, string>>,
  version: string | undefined,
): AnnotationFault[] {
  return [
    ...Object.entries(annotations).flatMap((one) => faultsOf(one, version)),
    ...contradictions(annotations),
  ];
}

function faultsOf([key, value]: readonly [string, string], version: string | undefined): AnnotationFault[] {
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
  if (!known.has(key) && looksKnown.test(key))
    return [
      {
        of: nearest(key),
        what: `${shown} is no annotation that Cilium knows`,
        next: `use ${nearest(key)}`,
        breaks: false,
      },
    ];
  return [];
}

/** An old name beside the new one, with another value (`annotation.Get`, pkg/annotation/k8s.go:304@1.20.2). */
function contradictions(annotations: Readonly<Record<string, string>>): AnnotationFault[] {
  return [
    [annotation.global, annotation.oldGlobal],
    [annotation.shared, annotation.oldShared],
    [annotation.affinity, annotation.oldAffinity],
  ].flatMap(([now = "", old = ""]) => {
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

function nearest(key: string): string {
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
