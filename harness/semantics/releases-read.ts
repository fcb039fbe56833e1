import semver from "semver";
import { minorOf } from "#harness/lib/version.ts";
import { chartsRead } from "./chart-settings.ts";

/** A leaf of a table of releases: `WHAT; VERSION WHAT; ...`, `-` for a release that does not have it. */
export const absent = "-";

/** What a leaf says of a release that was read. */
export function leafAt(leaf: string, release: string): string {
  const [first = absent, ...changes] = leaf.split("; ");
  const since = changes.map((c) => c.split(" ")).findLast(([v = ""]) => semver.lte(v, release));
  return since?.[1] ?? first;
}

/** The releases that were read next to a version, which may be between two; empty for another minor. */
export function chartsAround(version: string): string[] {
  const asked = semver.coerce(version);
  if (asked === null) return [];
  const ofMinor = readOfMinor(minorOf(asked.version));
  const below = ofMinor.findLast((c) => semver.lte(c, asked)) ?? ofMinor[0];
  const above = ofMinor.find((c) => semver.gte(c, asked)) ?? below;
  return [...new Set([below, above])].flatMap((c) => c ?? []);
}

const readOfMinor = (minor: string): string[] => chartsRead.filter((c) => minorOf(c) === minor);

/** How a version lies beside the releases that were read; undefined for one that is among or between them. */
export interface Beside {
  readonly is: "newer" | "older";
  /** The nearest release that was read. */
  readonly nearest: string;
  /** Whether that one is of the same minor: then the version is judged by it. */
  readonly sameMinor: boolean;
}

export function besideRead(version: string): Beside | undefined {
  const ofMinor = readOfMinor(minorOf(version));
  const all = ofMinor.length > 0 ? ofMinor : chartsRead;
  const [first = "", last = ""] = [all[0], all.at(-1)];
  const sameMinor = ofMinor.length > 0;
  if (semver.gt(version, last)) return { is: "newer", nearest: last, sameMinor };
  return semver.lt(version, first) ? { is: "older", nearest: first, sameMinor } : undefined;
}

/** Why a version does not have something. */
export interface Lack {
  /** The release that brings it later. */
  readonly brought?: string;
  /** The release that removed it. */
  readonly removed?: string;
}

/**
 * Why a version lacks something that some release has; undefined if it has it, or if that is not known. Before and after
 * all releases that were read, what came or went among them is known.
 */
export function lackOf(version: string, isIn: (release: string) => boolean): Lack | undefined {
  const around = chartsAround(version);
  if (around.some(isIn)) return undefined;
  const first = chartsRead.findIndex(isIn);
  if (first < 0) return undefined;
  const later = chartsRead.find((c) => semver.gt(c, version) && isIn(c));
  const gone = chartsRead[chartsRead.findLastIndex((c) => semver.lte(c, version) && isIn(c)) + 1];
  if (around.length > 0)
    return later !== undefined ? { brought: releaseName(later) } : { removed: releaseName(gone ?? "") };
  if (besideRead(version)?.is === "older")
    return first === 0 ? undefined : { brought: releaseName(chartsRead[first] ?? "") };
  return gone === undefined ? undefined : { removed: releaseName(gone) };
}

/** The minor for the first release of it that was read: one before it may be the one. */
const releaseName = (release: string): string =>
  release === readOfMinor(minorOf(release))[0] ? minorOf(release) : release;
