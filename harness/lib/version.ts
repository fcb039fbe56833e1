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
