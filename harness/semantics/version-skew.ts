import semver from "semver";

interface Named {
  readonly name: string;
  readonly version: string;
}

/**
 * The clusters with the oldest and the newest Cilium, if these are more than one minor release apart: Cilium supports
 * meshes of neighbouring minors only. Versions that cannot be read do not count. Source: Cilium's upgrade guide
 * ("upgrades between non-consecutive minors are not tested").
 */
export function minorsApart(
  clusters: readonly Named[],
): { readonly oldest: Named; readonly newest: Named } | undefined {
  const all = clusters.flatMap(({ name, version }) => {
    const known = semver.coerce(version);
    return known === null ? [] : [{ name, known }];
  });
  const [oldest, ...others] = all.toSorted((a, b) => semver.compare(a.known, b.known));
  const newest = others.at(-1);
  if (oldest === undefined || newest === undefined) return undefined;
  const { known: first } = oldest;
  const { known: last } = newest;
  return last.major === first.major && last.minor - first.minor <= 1
    ? undefined
    : {
        oldest: { name: oldest.name, version: first.version },
        newest: { name: newest.name, version: last.version },
      };
}
