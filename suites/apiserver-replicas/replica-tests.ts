import { twoApiservers } from "#harness/faults/catalogue/disruption.ts";
import { injectFault } from "#harness/faults/inject.ts";
import type { ClusterPair, DefineTest } from "#harness/testkit/define-suite.ts";
import type { SuiteFixtures } from "#harness/testkit/fixture-types.ts";
import { learnsWithoutEither, type Way } from "./lost-replica.ts";

/** Two replicas in each cluster, with session affinity as set by the chart. */
export async function runTwoReplicas({
  mesh,
  namespace,
  cleanup,
  within: { signal },
}: Pick<SuiteFixtures, "mesh" | "namespace" | "cleanup" | "within">): Promise<void> {
  const doubled = await injectFault(twoApiservers(mesh.clusters), { mesh, namespace, signal });
  cleanup.defer("one clustermesh-apiserver in each cluster", () => doubled.heal());
}

/** For each pair of clusters: the first learns a new pod of the second in spite of each loss in turn; `when` ends the title. */
export function learningTests(
  { pairs, test }: { readonly pairs: readonly ClusterPair[]; readonly test: DefineTest<void> },
  when: string,
  losses: readonly Way[],
): void {
  for (const pair of pairs) {
    const { from, to } = pair;
    // One way at a time: the KVStoreMesh that reads the other cluster is in the same pods.
    test(`${pair.name} > ${from.name} learns a new pod of ${to.name} while ${when}`, async ({
      mesh,
      namespace,
      images,
      within,
      keepFacts,
      expect,
    }) => {
      const { verdict, facts } = await learnsWithoutEither({ mesh, namespace, images, within }, pair, losses);
      keepFacts(facts);
      expect(verdict).toPass();
    });
  }
}
