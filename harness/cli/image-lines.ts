import { type Cached, isRemovable } from "#harness/images/cached.ts";
import type { Pruned } from "#harness/lab/image-cache.ts";
import { type Artifacts, describeSubstituted, substitutedIn } from "#harness/model/artifacts.ts";
import { ciliumCliLine } from "./cilium-cli-line.ts";

type Shown = Pick<Artifacts, "source" | "reason" | "clusters" | "provenance" | "ciliumCli">;

/** What `images --json` prints. */
export const imagesRecord = ({ source, reason, clusters, provenance, ciliumCli }: Shown) => ({
  source,
  reason,
  clusters,
  ...(ciliumCli === undefined ? {} : { ciliumCli }),
  substitutions: substitutedIn(provenance),
});

/** What `images` prints. */
export function imageLines({ source, reason, clusters, provenance, ciliumCli }: Shown): string[] {
  return [
    ...Object.entries(clusters).map(
      ([name, c]) =>
        `${name}: Kubernetes ${c.versions.kubernetes}, Cilium ${c.ciliumVersion}: ${c.nodeImage}`,
    ),
    ...(ciliumCli === undefined ? [] : [ciliumCliLine(ciliumCli)]),
    `images from ${source} (${reason})`,
    ...substitutedIn(provenance).map((s) => `substitution: ${describeSubstituted(s)}`),
  ];
}

const size = (bytes: number): string =>
  bytes < 1024 ** 3 ? `${Math.round(bytes / 1024 ** 2)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
const sum = (entries: readonly Cached[]): number => entries.reduce((n, e) => n + e.bytes, 0);

const places = {
  cache: "in the cache",
  docker: "in Docker, with the layers that they share counted in each",
} as const;

/** `1.2 GiB in the cache, 3 GiB in Docker, ...`, without a place that has nothing. */
function sums(entries: readonly Cached[]): string {
  const all = (["cache", "docker"] as const).flatMap((where) => {
    const own = entries.filter((e) => e.where === where);
    return own.length === 0 ? [] : [`${size(sum(own))} ${places[where]}`];
  });
  return all.join("; ") || "nothing";
}

const lineOf = (e: Cached): string => {
  const why = [...(e.pinned ? ["named by the pins"] : []), ...e.usedBy.map((u) => `used by ${u}`)];
  return `${size(e.bytes).padStart(9)}  ${e.where.padEnd(6)}  ${e.name}: ${why.join(", ") || "not needed"}`;
};

/** What `images list` prints. */
export const cachedLines = (entries: readonly Cached[]): string[] => [
  ...entries.map(lineOf),
  `total: ${sums(entries)}`,
  `not needed: ${sums(entries.filter(isRemovable))} (\`images prune\` removes it)`,
];

/** What `images prune` prints. */
export const prunedLines = ({ removed, left }: Pruned, isDryRun: boolean): string[] => [
  ...removed.map((e) => `${isDryRun ? "would remove" : "removed"} ${e.name} (${size(e.bytes)})`),
  ...left.map((e) => `left ${e.name}: another process or a container uses it now`),
  `${isDryRun ? "would free" : "freed"}: ${sums(removed)}`,
];
