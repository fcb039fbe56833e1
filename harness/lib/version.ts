import semver from "semver";
import { found } from "./found.ts";

/**
 * Whether a version such as `v1.12.4` or `1.19` is `least` or later, ignoring pre-release suffixes. False for a text
 * without a version.
 */
export function isAtLeast(version: string, least: string): boolean {
  const parsed = semver.coerce(version);
  return (
    parsed !== null &&
    semver.gte(parsed, found(semver.coerce(least), `a version in ${JSON.stringify(least)}`))
  );
}

/** `1.19` of `1.19.4`. */
export const minorOf = (version: string): string => version.split(".").slice(0, 2).join(".");

/** Whether a move between two versions reaches a release that the first one is before. */
export const crosses = (
  { from, to }: { readonly from: string; readonly to: string },
  release: string,
): boolean => semver.lt(from, release) && semver.gte(to, release);
