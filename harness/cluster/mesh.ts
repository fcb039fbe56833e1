import { MeshproofError } from "#harness/lib/errors.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { type Cluster, clusterOf } from "./cluster.ts";

/** The meshed clusters of a lab that is up. */
export class Mesh {
  readonly state: LabState;
  readonly clusters: readonly Cluster[];

  constructor(state: LabState) {
    this.state = state;
    this.clusters = state.plan.clusters.map((c) => clusterOf(state, c.name));
  }

  cluster(name: string): Cluster {
    const found = this.clusters.find((c) => c.name === name);
    if (found === undefined) throw new MeshproofError("usage", `the mesh has no cluster ${name}`);
    return found;
  }
}

/** Every ordered pair of cluster names: suites run once for each. */
export function orderedPairs<T>(items: readonly T[]): (readonly [T, T])[] {
  return items.flatMap((a) => items.filter((b) => b !== a).map((b) => [a, b] as const));
}
