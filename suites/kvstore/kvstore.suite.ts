import { readClusterSlice, slicePrefix } from "#harness/cilium/kvstore/cluster-slice.ts";
import { entriesUnder, rawEntriesUnder } from "#harness/cilium/kvstore/kvstore.ts";
import {
  exportedAddresses,
  exportedIdentities,
  exportedServices,
  exportedSlices,
  nodeTruth,
} from "#harness/cilium/truth.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeSameSet } from "#harness/judge/sets.ts";
import { contains, parseCidr } from "#harness/lib/cidr.ts";
import { combine, failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { annotation } from "#harness/semantics/annotations.ts";
import type { Requirement } from "#harness/testkit/capabilities.ts";
import { type DefineTest, defineSuite, type TestKit } from "#harness/testkit/define-suite.ts";
import { judgeSharedAddress } from "./shared-address.ts";

/** Defines a test that judges the kvstore of every cluster. */
function testEveryCluster<S>(
  test: DefineTest<S>,
  title: string,
  judge: (cluster: Cluster, fixtures: Pick<TestKit<S>, "mesh" | "keepFacts">) => Promise<Verdict>,
  requires: readonly Requirement[] = [],
): void {
  test(title, { requires }, async ({ mesh, within, keepFacts, expect }) => {
    const verdict = await judgedInTime(
      async () => combine(await Promise.all(mesh.clusters.map((c) => judge(c, { mesh, keepFacts })))),
      {
        what: "the kvstores to contain their clusters' state",
        everyMs: 1000,
        ...within.sync,
      },
    );
    expect(verdict).toPass();
  });
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
    testEveryCluster(
      test,
      "every kvstore lists the nodes of its own cluster and no others",
      async (cluster) => {
        const held = await entriesUnder(cluster, "cilium/state/nodes/v1/");
        return judgeSameSet(
          `nodes in the kvstore of ${cluster.name}`,
          [...held.keys()],
          (await nodeTruth(cluster)).map((n) => n.name),
        );
      },
    );

    serviceTests(test);

    testEveryCluster(
      test,
      "every kvstore lists the addresses of its own cluster's pods and none of another's",
      async (cluster, { mesh, keepFacts }) => {
        const held = [...(await entriesUnder(cluster, "cilium/state/ip/v1/default/")).keys()];
        const pods = await exportedAddresses(cluster);
        const missing = pods.filter((ip) => !held.includes(ip));
        const foreign = mesh.clusters
          .filter((c) => c !== cluster)
          .flatMap((c) => held.filter((ip) => contains(parseCidr(c.podCidr), ip)));
        keepFacts({ [`${cluster.name}, addresses`]: held.length });
        return failedBecause([
          ...(pods.length === 0 ? [`${cluster.name} has no pod, which proves nothing`] : []),
          ...(missing.length === 0 ? [] : [`the kvstore of ${cluster.name} lacks ${missing.join(", ")}`]),
          ...(foreign.length === 0
            ? []
            : [`the kvstore of ${cluster.name} holds addresses of other clusters: ${foreign.join(", ")}`]),
        ]);
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
      async (cluster, { keepFacts }) => {
        const held = await entriesUnder(cluster, "cilium/state/identities/v1/id/");
        // The cluster's id is in the upper bits: 8 of 24, or 9 where 511 clusters may be connected
        // (pkg/clustermesh/types).
        const bits = (await cluster.setting("max-connected-clusters")) === "511" ? 15 : 16;
        const own = `io.cilium.k8s.policy.cluster=${cluster.name};`;
        const foreign = [...held]
          .filter(([id, labels]) => !labels.includes(own) || Number(id) >> bits !== cluster.id)
          .map(([id, labels]) => `${id} (${labels.slice(0, 80)})`);
        const missing = (await exportedIdentities(cluster)).filter((id) => !held.has(id));
        keepFacts({ [`${cluster.name}, identities`]: held.size });
        return failedBecause([
          ...(held.size === 0 ? [`the kvstore of ${cluster.name} has no identity`] : []),
          ...(missing.length === 0
            ? []
            : [`the kvstore of ${cluster.name} lacks identities ${missing.join(", ")}`]),
          ...(foreign.length === 0
            ? []
            : [`the kvstore of ${cluster.name} holds identities of others: ${foreign.join(", ")}`]),
        ]);
      },
    );
  },
);

/** Global services, in both forms. */
function serviceTests(test: DefineTest<void>): void {
  testEveryCluster(
    test,
    "every kvstore lists the global services of its own cluster and no others",
    async (cluster) => {
      const held = [...(await entriesUnder(cluster, "cilium/state/services/v1/")).keys()];
      // In this mode of 1.20 the others read EndpointSlices only (ShouldExportLegacyServices in pkg/clustermesh/types).
      if ((await cluster.setting("clustermesh-service-v2")) === "only-endpointslice")
        return failedBecause(
          held.map(
            (s) => `the kvstore of ${cluster.name} holds service ${s}, but exports EndpointSlices only`,
          ),
        );
      return judgeSameSet(
        `services in the kvstore of ${cluster.name}`,
        held,
        (await exportedServices(cluster)).map((s) => `${cluster.name}/${s}`),
      );
    },
  );

  testEveryCluster(
    test,
    "every kvstore lists the EndpointSlices of its own cluster's global services and no others, with their addresses",
    async (cluster) => {
      const held = [...(await rawEntriesUnder(cluster, slicePrefix))].map(([key, value]) => {
        const slice = readClusterSlice(key, value);
        return `${key} of id ${slice.clusterId}, service ${slice.service}, [${slice.addresses.join(" ")}]`;
      });
      return judgeSameSet(
        `EndpointSlices in the kvstore of ${cluster.name}`,
        held,
        (await exportedSlices(cluster)).map(({ metadata: { namespace, name, labels }, endpoints }) => {
          const addresses = ((endpoints ?? []) as { addresses: string[] }[]).flatMap((e) => e.addresses);
          return `${cluster.name}/${namespace}/${name} of id ${cluster.id}, service ${labels?.["kubernetes.io/service-name"]}, [${addresses.sort().join(" ")}]`;
        }),
      );
    },
    ["cilium>=1.20"],
  );
}
