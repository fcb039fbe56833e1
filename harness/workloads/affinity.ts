import type { Affinity } from "#harness/model/measurement.ts";

/** A cluster, or only its name: titles of tests are made without a lab. */
interface Named {
  readonly name: string;
}

/** The clusters whose backends serve a client, out of those that have any (Cilium's "Service Affinity" guide). */
export function servingClusters<C extends Named>(
  affinity: Affinity,
  client: C,
  having: readonly C[],
): readonly C[] {
  const preferred = having.filter((c) => affinity === "none" || (affinity === "local") === (c === client));
  return preferred.length > 0 ? preferred : having;
}

/** For titles and messages: `east and west`. */
export const namesOf = (clusters: readonly Named[]): string => clusters.map((c) => c.name).join(" and ");
