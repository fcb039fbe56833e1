import { type Artifacts, describeSubstituted, substitutedIn } from "#harness/model/artifacts.ts";

type Shown = Pick<Artifacts, "source" | "reason" | "clusters" | "provenance">;

/** What `images --json` prints. */
export const imagesRecord = ({ source, reason, clusters, provenance }: Shown) => ({
  source,
  reason,
  clusters,
  substitutions: substitutedIn(provenance),
});

/** What `images` prints. */
export function imageLines({ source, reason, clusters, provenance }: Shown): string[] {
  return [
    ...Object.entries(clusters).map(
      ([name, c]) =>
        `${name}: Kubernetes ${c.versions.kubernetes}, Cilium ${c.ciliumVersion}: ${c.nodeImage}`,
    ),
    `images from ${source} (${reason})`,
    ...substitutedIn(provenance).map((s) => `substitution: ${describeSubstituted(s)}`),
  ];
}
