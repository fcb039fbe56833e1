import { kvstoreState } from "#harness/cilium/kvstore/shared-state.ts";
import { clusterObjects } from "#harness/cilium/truth.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgeDifferences } from "#harness/judge/differences.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import type { KvstoreState, SharedState } from "#harness/model/shared-state.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { ClusterObjects } from "#harness/semantics/cluster-objects.ts";
import { type Difference, places } from "#harness/semantics/compare.ts";
import { ciliumNodeDifferences, endpointDifferences } from "#harness/semantics/endpoint-differences.ts";
import { exportedState } from "#harness/semantics/exported-state.ts";
import { clusterIdOf, clusterOfLabels } from "#harness/semantics/identity-labels.ts";
import {
  malformedDifferences,
  nodeAddresses,
  partDifferences,
  partNames,
} from "#harness/semantics/kvstore-differences.ts";
import { maxClusters } from "#harness/semantics/mesh-settings.ts";
import type { Requirement } from "#harness/testkit/capabilities.ts";
import { type DefineTest, defineSuite, type TestKit } from "#harness/testkit/define-suite.ts";
import { judgeSharedAddress } from "./shared-address.ts";

/** A cluster's API server and its kvstore, read one after the other. */
interface Read {
  readonly cluster: Cluster;
  readonly objects: ClusterObjects;
  readonly kvstore: KvstoreState;
}

/** Defines a test that judges the kvstore of every cluster. */
function testEveryCluster<S>(
  test: DefineTest<S>,
  title: string,
  judge: (read: Read, fixtures: Pick<TestKit<S>, "keepFacts">) => Verdict,
  requires: readonly Requirement[] = [],
): void {
  test(title, { requires }, async ({ mesh, within, keepFacts, expect }) => {
    const verdict = await judgedInTime(
      async () =>
        combine(
          await Promise.all(
            mesh.clusters.map(async (cluster) => {
              const objects = await clusterObjects(cluster);
              return judge({ cluster, objects, kvstore: await kvstoreState(cluster) }, { keepFacts });
            }),
          ),
        ),
      {
        what: "the kvstores to contain their clusters' state",
        everyMs: 1000,
        ...within.sync,
      },
    );
    expect(verdict).toPass();
  });
}

/** One kind of entries against the objects that decide it, and those objects against what they come from. */
function judgePart(
  part: keyof SharedState,
  { objects, kvstore }: Read,
  before: readonly Difference[] = [],
): Verdict {
  const { name } = objects;
  const expected = exportedState(objects);
  const at = { place: places.kvstore(name), of: name };
  const allowedAddresses = new Set(nodeAddresses(objects));
  return judgeDifferences(
    [
      ...before,
      ...partDifferences(part, expected, { ...at, state: kvstore.own, allowedAddresses }),
      // A value that no reader takes is not held.
      ...malformedDifferences(kvstore, at, part),
    ],
    {
      what: `entries of kind ${partNames[part]} in the kvstore of ${name}`,
      expected: expected[part]?.size ?? 0,
    },
  );
}

export default defineSuite(
  {
    name: "kvstore",
    tags: ["core", "kvstore"],
    when: "core",
    order: 2,
    goal: "The kvstore of a cluster contains all of its own shared state and none of other clusters.",
    method: "Compares the keys under cilium/state of each cluster's kvstore with its API server.",
    failureMeans: "clustermesh-apiserver, or another writer of a cluster's kvstore.",
    echo: { replicas: 1 },
    setup: async ({ echo }) => {
      await echo.serve("echo", { [annotation.global]: "true" });
      await echo.serve("echo-alone", {});
    },
  },
  ({ test }) => {
    testEveryCluster(test, "every kvstore lists the nodes of its own cluster and no others", (read) =>
      judgePart("nodes", read, ciliumNodeDifferences(read.objects)),
    );

    serviceTests(test);

    testEveryCluster(
      test,
      "every kvstore lists the addresses of its own cluster's pods and none of another's",
      (read, { keepFacts }) => {
        keepFacts({ [`${read.cluster.name}, addresses`]: read.kvstore.own.addresses.length });
        return judgePart("addresses", read, endpointDifferences(read.objects));
      },
    );

    test("every kvstore keeps an address as long as one CiliumEndpoint has it", {
      requires: ["clustermeshApiserver"],
    }, async ({ mesh, namespace, within, expect }) => {
      const verdicts = await Promise.all(mesh.clusters.map((c) => judgeSharedAddress(c, namespace, within)));
      expect(combine(verdicts)).toPass();
    });

    testEveryCluster(
      test,
      "every kvstore lists the identities of its own cluster and none of another's, by label and by number",
      (read, { keepFacts }) => {
        const { identities } = read.kvstore.own;
        keepFacts({ [`${read.cluster.name}, identities`]: identities.length });
        return combine([
          foreignIdentities(read),
          read.objects.hasApiserver ? judgePart("identities", read) : usedIdentities(read),
        ]);
      },
    );
  },
);

/** Each is labelled with its cluster's name, and has its id in the upper bits. */
function foreignIdentities({ cluster: { name, id }, objects, kvstore }: Read): Verdict {
  const { identities } = kvstore.own;
  const most = maxClusters(objects);
  const foreign = identities.filter(
    (i) => clusterOfLabels(i.labels) !== name || clusterIdOf(i.id, most) !== id,
  );
  return failedBecause([
    ...(identities.length === 0 ? [`the kvstore of ${name} has no identity`] : []),
    ...foreign.map(
      (i) => `the kvstore of ${name} holds identity ${i.id} of another cluster: ${i.labels.join(" ")}`,
    ),
  ]);
}

/** A cluster that keeps its identities in its own etcd has no other list of them: those of its endpoints are there. */
function usedIdentities({ objects, kvstore }: Read): Verdict {
  const held = new Set(kvstore.own.identities.map((i) => i.id));
  const used = new Set((objects.ciliumEndpoints ?? []).map((e) => e.identity));
  return failedBecause([
    ...(used.size === 0 ? [`${objects.name} has no endpoint, which proves nothing`] : []),
    ...[...used]
      .filter((id) => !held.has(id))
      .map((id) => `the kvstore of ${objects.name} lacks identity ${id}`),
  ]);
}

/** Global services, in both forms. */
function serviceTests(test: DefineTest<void>): void {
  testEveryCluster(
    test,
    "every kvstore lists the global services of its own cluster and no others",
    (read) =>
      // In this mode of 1.20 the others read EndpointSlices only, and a service is one too many.
      read.objects.settings["clustermesh-service-v2"] === "only-endpointslice"
        ? failedBecause(
            read.kvstore.own.services.map(
              (s) =>
                `the kvstore of ${read.cluster.name} holds service ${s.name}, but exports EndpointSlices only`,
            ),
          )
        : judgePart("services", read),
  );

  testEveryCluster(
    test,
    "every kvstore lists the EndpointSlices of its own cluster's global services and no others, with their addresses",
    (read) => judgePart("slices", read),
    ["cilium>=1.20"],
  );
}
