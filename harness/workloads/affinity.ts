import type { Cluster } from "#harness/cluster/cluster.ts";
import type { Affinity } from "#harness/model/measurement.ts";

/** Whose backends serve a client, out of the clusters that have any (Cilium's "Service Affinity" guide). */
export function servingClusters(
  affinity: Affinity,
  client: Cluster,
  having: readonly Cluster[],
): readonly Cluster[] {
  const preferred = having.filter((c) => affinity === "none" || (affinity === "local") === (c === client));
  return preferred.length > 0 ? preferred : having;
}

/** For titles and messages: `east and west`. */
export const namesOf = (clusters: readonly Cluster[]): string => clusters.map((c) => c.name).join(" and ");
