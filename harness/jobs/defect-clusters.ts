import type { Mesh } from "#harness/cluster/mesh.ts";
import type { DefectCluster } from "#harness/judge/known-defects.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterRecord } from "#harness/model/record.ts";

/** The clusters of a run with the settings that known defects depend on. */
export function defectClusters(
  mesh: Mesh,
  clusters: readonly ClusterRecord[],
  defects: readonly KnownDefect[],
): Promise<DefectCluster[]> {
  const keys = [...new Set(defects.flatMap((d) => Object.keys(d.when ?? {})))];
  return Promise.all(
    clusters.map(async ({ name, cilium }) => {
      const cluster = mesh.cluster(name);
      const settings = await Promise.all(keys.map(async (key) => [key, await cluster.setting(key)] as const));
      return { name, cilium, settings: Object.fromEntries(settings) };
    }),
  );
}
