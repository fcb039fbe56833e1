import type { Mesh } from "#harness/cluster/mesh.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { ClusterRecord } from "#harness/model/record.ts";
import { type DefectCluster, settingsOf } from "#harness/semantics/affected.ts";

/** The clusters of a run with the settings that known defects depend on. */
export function defectClusters(
  mesh: Mesh,
  clusters: readonly ClusterRecord[],
  defects: readonly KnownDefect[],
): Promise<DefectCluster[]> {
  const keys = settingsOf(defects);
  return Promise.all(
    clusters.map(async ({ name, cilium }) => {
      const cluster = mesh.cluster(name);
      const settings = await Promise.all(keys.map(async (key) => [key, await cluster.setting(key)] as const));
      return { name, cilium, settings: Object.fromEntries(settings) };
    }),
  );
}
