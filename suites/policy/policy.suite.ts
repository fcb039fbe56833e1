import { judgedInTime } from "#harness/judge/in-time.ts";
import { failedBecause } from "#harness/model/verdict.ts";
import { bothWays } from "#harness/testkit/both-ways.ts";
import {
  type ClusterPair,
  type DefineTest,
  defineSuite,
  type TestInfo,
} from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import { askFlow } from "#harness/workloads/policy-workload.ts";
import {
  bothMeanings,
  byEntity,
  byLabel,
  defaultDeny,
  type Found,
  inwards,
  ipBlockAlone,
  type Kit,
  ofKubernetes,
  outwards,
} from "./denials.ts";
import { allOpen, deployRoles, type PolicyContext } from "./paths.ts";

const closedPort = 9;
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/policy/";

interface Denial extends TestInfo {
  readonly title: (pair: ClusterPair) => string;
  readonly find: (kit: Kit, pair: ClusterPair) => Promise<Found>;
}

/** Their policies are in different clusters, so both ways are tested at once. */
const denials: readonly Denial[] = [
  {
    title: ({ from, to }) =>
      `outwards: the allowed client of ${from.name} may reach only ${to.name}'s server`,
    find: outwards,
    spec,
  },
  {
    title: ({ to }) => `default deny in ${to.name} shuts out both clusters, and the agent says why`,
    find: defaultDeny,
  },
  { title: ({ to }) => `the entity cluster in ${to.name} means its own endpoints`, find: byEntity },
  {
    title: ({ to }) =>
      `a selector without a cluster label means what policyDefaultLocalCluster of ${to.name} says`,
    find: byLabel,
    spec,
  },
  {
    title: ({ to }) =>
      `a Kubernetes NetworkPolicy in ${to.name} holds for both clusters, its selectors as policyDefaultLocalCluster says`,
    find: ofKubernetes,
    spec,
  },
  {
    title: ({ to }) => `a NetworkPolicy in ${to.name} that holds only an ipBlock lets no pod in`,
    find: ipBlockAlone,
    spec: "https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors",
  },
];

export default defineSuite(
  {
    name: "policy",
    tags: ["core", "policy"],
    when: "core",
    order: 8,
    goal: "CiliumNetworkPolicy is enforced across clusters: by cluster, label and port, for ingress and egress.",
    method:
      "Allowed and denied clients of both clusters send requests to a server, without and with each policy; a denied flow must let none of hundreds of requests through in five seconds and be open before and after. A drop is a timeout for which the agent's monitor reports a reason, a refusal is an answer, anything else is an error of the test machine.",
    failureMeans: "Policy enforcement, or the identities of the other cluster's pods.",
    setup: async ({ mesh, namespace, budgets, images, within }) => {
      const context = await deployRoles({ mesh, namespace, budgets, images, within });
      await allOpen(mesh.clusters, context, within);
      return context;
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) inwardsTest(test, pair);
    for (const { title, find, ...info } of denials) {
      const finding = bothWays(pairs, find);
      for (const pair of pairs)
        test(
          `${pair.name} > ${title(pair)}`,
          info,
          async ({ mesh, namespace, setup, within, keepFacts, expect }) => {
            const { verdict, facts = {} } = await finding({ mesh, namespace, setup, within }, pair);
            keepFacts(facts);
            expect(verdict).toPass();
          },
        );
    }
    for (const pair of pairs) closedPortTest(test, pair);

    test("both meanings of a selector without a cluster label were tested", {
      requires: ["bothPolicyDefaults"],
      spec,
    }, async ({ mesh, namespace, setup, within, keepFacts, expect }) => {
      const { verdict, facts = {} } = await bothMeanings({ mesh, namespace, setup, within });
      keepFacts(facts);
      expect(verdict).toPass();
    });

    test("L7 rules across clusters", { requires: ["l7Proxy"], spec }, async () => {
      throw new Error("this version of Meshproof does not test L7 rules on a mesh with Envoy");
    });
  },
);

/** The server of the other cluster must stay open, so this runs one way at a time. */
function inwardsTest(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > inwards: ${to.name}'s server accepts the allowed client of ${from.name} on its port, and no other`, {
    spec,
  }, async ({ mesh, namespace, setup, within, expect }) => {
    expect(await inwards({ mesh, namespace, setup, within }, pair)).toPass();
  });
}

function closedPortTest(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > a closed port of ${to.name}'s server is refused, not dropped`, async ({
    mesh,
    setup: { flow, asking },
    within,
    keepFacts,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    const { timeoutMs } = asking(within);
    const verdict = await judgedInTime(
      async () => {
        const path = await askFlow(flow({ from, role: "allowed", to, port: closedPort, protocol: "tcp" }), {
          timeoutMs,
          signal: within.signal,
        });
        keepFacts({ outcome: path.outcome });
        return failedBecause(
          path.outcome === "refused"
            ? []
            : [`${path.from} -> ${path.to}: ${path.outcome} (${path.detail}), expected refused`],
        );
      },
      // The policy of the previous test may still be enforced for a moment.
      { what: "the closed port to be refused", everyMs: 500, ...within.sync },
    );
    expect(verdict).toPass();
  });
}
