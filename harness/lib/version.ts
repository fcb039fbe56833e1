/** Whether a version such as `v1.12.4` is `least` or a later one; pre-releases are not told apart. */
export function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, "en", { numeric: true }) >= 0;
}
