import semver from "semver";
import { found } from "./found.ts";

/**
 * Whether a version such as `v1.12.4` or `1.19` is `least` or a later one; pre-releases are not told apart. What holds no
 * version is none.
 */
export function isAtLeast(version: string, least: string): boolean {
  const own = semver.coerce(version);
  return (
    own !== null && semver.gte(own, found(semver.coerce(least), `a version in ${JSON.stringify(least)}`))
  );
}
