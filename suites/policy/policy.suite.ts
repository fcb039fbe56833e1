import { dropReasons } from "#harness/cilium/agent/drops.ts";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { judgedInTime } from "#harness/judge/in-time.ts";
import { judgeOutcomes } from "#harness/judge/policy.ts";
import { kinds } from "#harness/kube/kube.ts";
import { failedBecause, type Verdict } from "#harness/model/verdict.ts";
import { type ClusterPair, type DefineTest, defineSuite } from "#harness/testkit/define-suite.ts";
import { pairIn } from "#harness/testkit/fixture-types.ts";
import type { Within } from "#harness/testkit/within.ts";
import { echoHttpPort, echoUdpPort } from "#harness/workloads/echo.ts";
import { appliedPolicy, policyObject } from "#harness/workloads/policy-workload.ts";
import { type Ask, allOpen, askPath, deployRoles, type Path, type PolicyContext, roles } from "./paths.ts";

const closedPort = 9;
const spec = "https://docs.cilium.io/en/v1.19/network/clustermesh/policy/";

const withPolicy = (
  cluster: Cluster,
  namespace: string,
  name: string,
  spec: Record<string, unknown>,
): Promise<AsyncDisposable> => appliedPolicy(cluster, policyObject(namespace, name, spec));

/** The same for a NetworkPolicy of Kubernetes. */
function withNetworkPolicy(
  cluster: Cluster,
  namespace: string,
  name: string,
  spec: Record<string, unknown>,
): Promise<AsyncDisposable> {
  const { apiVersion, kind } = kinds.networkPolicy;
  const policy = { apiVersion, kind, metadata: { name, namespace }, spec };
  return appliedPolicy(cluster, policy, kinds.networkPolicy);
}

/** Judges the paths repeatedly until all are open or closed as expected, or the deadline passes. */
const enforced = (
  ask: Ask,
  within: Within,
  expected: readonly (Path & { readonly open: boolean })[],
): Promise<Verdict> =>
  judgedInTime(
    async () =>
      judgeOutcomes(
        await Promise.all(expected.map(async (path) => ({ path: await ask(path), open: path.open }))),
      ),
    { what: "the policy to be enforced", everyMs: 500, ...within.sync },
  );

const clusterLabel = "io.cilium.k8s.policy.cluster";
const server = { matchLabels: { role: "server" } };
const httpPort = [{ ports: [{ port: String(echoHttpPort), protocol: "TCP" }] }];

export default defineSuite(
  {
    name: "policy",
    tags: ["core", "policy"],
    when: "core",
    order: 8,
    goal: "CiliumNetworkPolicy is enforced across clusters: by cluster, label and port, for ingress and egress.",
    method:
      "Allowed and denied clients of both clusters send requests to a server, without and with each policy; a drop is a timeout for which the agent's monitor reports a reason, a refusal is an answer, anything else is an error of the test machine.",
    failureMeans: "Policy enforcement, or the identities of the other cluster's pods.",
    setup: async ({ mesh, namespace, budgets, images, within }) => {
      const servers = await deployRoles({ mesh, namespace, images, within });
      const ask: Ask = (path) => askPath(servers, { namespace, budgets }, path);
      await allOpen(mesh.clusters, ask, within);
      return { servers, ask };
    },
  },
  ({ pairs, test }) => {
    for (const pair of pairs) {
      byClusterTests(test, pair);
      denialTests(test, pair);
      selectorTests(test, pair);
    }
    for (const pair of pairs) {
      kubernetesTest(test, pair);
      ipBlockTest(test, pair);
    }

    test("both meanings of a selector without a cluster label were tested", {
      requires: ["bothPolicyDefaults"],
      spec,
    }, async ({ mesh, keepFacts, expect }) => {
      const key = "policy-default-local-cluster";
      const settings = await Promise.all(
        mesh.clusters.map(async (c) => [c.name, (await c.setting(key)) ?? "false"] as const),
      );
      keepFacts(Object.fromEntries(settings));
      const meanings = new Set(settings.map(([, value]) => value));
      expect(meanings.size, settings.map(([c, value]) => `${key} of ${c} is ${value}`).join(", ")).toBe(2);
    });

    test("L7 rules across clusters", { requires: ["l7Proxy"], spec }, async () => {
      throw new Error("this version of Meshproof does not test L7 rules on a mesh with Envoy");
    });
  },
);

/** Policies that name a cluster, inwards and outwards. */
function byClusterTests(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { from, to } = pair;
  test(`${pair.name} > inwards: ${to.name}'s server accepts the allowed client of ${from.name} on its port, and no other`, {
    spec,
  }, async ({ mesh, namespace, setup: { ask }, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    await using _policy = await withPolicy(to, namespace, "ingress-by-cluster-and-label", {
      // With its own cluster's label, like the guide's `allow-cross-cluster` (seed 003).
      endpointSelector: { matchLabels: { ...server.matchLabels, [clusterLabel]: to.name } },
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { role: "allowed", [clusterLabel]: from.name } }],
          toPorts: httpPort,
        },
      ],
    });
    expect(
      await enforced(ask, within, [
        { from, role: "allowed", to, open: true },
        { from, role: "denied", to, open: false },
        { from: to, role: "allowed", to, open: false },
        { from, role: "allowed", to, port: echoUdpPort, protocol: "udp", open: false },
        // The policy exists only in the other cluster, so it does not apply to this one's server with the same labels.
        { from, role: "denied", to: from, open: true },
      ]),
    ).toPass();
    expect(
      (await from.kube.list(kinds.ciliumNetworkPolicy, namespace)).map((p) => p.metadata.name),
      `policies in ${from.name}`,
    ).toEqual([]);
  });

  test(`${pair.name} > outwards: the allowed client of ${from.name} may reach only ${to.name}'s server`, {
    spec,
  }, async ({ mesh, namespace, setup: { ask }, within, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    await using _policy = await withPolicy(from, namespace, "egress-by-cluster", {
      endpointSelector: { matchLabels: { role: "allowed" } },
      egress: [
        {
          toEndpoints: [{ matchLabels: { role: "server", [clusterLabel]: to.name } }],
          toPorts: httpPort,
        },
      ],
    });
    expect(
      await enforced(ask, within, [
        { from, role: "allowed", to, open: true },
        { from, role: "allowed", to: from, open: false },
        { from, role: "allowed", to, port: echoUdpPort, protocol: "udp", open: false },
        { from, role: "denied", to: from, open: true },
      ]),
    ).toPass();
  });
}

/** Denied and refused traffic, and how a client sees it. */
function denialTests(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > default deny in ${to.name} shuts out both clusters, and the agent says why`, async ({
    mesh,
    namespace,
    setup: { servers, ask },
    within,
    keepFacts,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    await using _policy = await withPolicy(to, namespace, "default-deny", {
      endpointSelector: server,
      ingress: [{}],
    });
    expect(
      await enforced(ask, within, [
        { from, role: "allowed", to, open: false },
        { from: to, role: "allowed", to, open: false },
      ]),
    ).toPass();
    const reasons = await dropReasons(
      to,
      servers.get(to.name)?.node ?? "",
      () => ask({ from, role: "allowed", to }),
      within.sync,
    );
    keepFacts({ dropReason: reasons.join(", ") });
    expect(reasons, `drop reasons of ${to.name}'s agent`).toContain("Policy denied");
  });

  test(`${pair.name} > a closed port of ${to.name}'s server is refused, not dropped`, async ({
    mesh,
    setup: { ask },
    within,
    keepFacts,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    const verdict = await judgedInTime(
      async () => {
        const path = await ask({ from, role: "allowed", to, port: closedPort, protocol: "tcp" });
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

/** Selectors that name no cluster. */
function selectorTests(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > the entity cluster in ${to.name} means its own endpoints`, async ({
    mesh,
    namespace,
    setup: { ask },
    within,
    expect,
  }) => {
    const { from, to } = pairIn(mesh, pair);
    await using _policy = await withPolicy(to, namespace, "ingress-by-entity", {
      endpointSelector: server,
      ingress: [{ fromEntities: ["cluster"], toPorts: httpPort }],
    });
    expect(
      await enforced(ask, within, [
        { from: to, role: "allowed", to, open: true },
        { from: to, role: "denied", to, open: true },
        { from, role: "allowed", to, open: false },
      ]),
    ).toPass();
  });

  test(`${pair.name} > a selector without a cluster label means what policyDefaultLocalCluster of ${to.name} says`, {
    spec,
  }, async ({ mesh, namespace, setup: { ask }, within, keepFacts, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const setting = (await to.setting("policy-default-local-cluster")) ?? "false";
    keepFacts({ policyDefaultLocalCluster: setting });
    await using _policy = await withPolicy(to, namespace, "ingress-by-label-alone", {
      endpointSelector: server,
      ingress: [{ fromEndpoints: [{ matchLabels: { role: "allowed" } }], toPorts: httpPort }],
    });
    expect(
      await enforced(ask, within, [
        { from: to, role: "allowed", to, open: true },
        { from, role: "allowed", to, open: setting !== "true" },
        { from: to, role: "denied", to, open: false },
      ]),
    ).toPass();
  });
}

function kubernetesTest(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  test(`${pair.name} > a Kubernetes NetworkPolicy in ${pair.to.name} holds for both clusters, its selectors as policyDefaultLocalCluster says`, {
    spec,
  }, async ({ mesh, namespace, setup: { ask }, within, keepFacts, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    const setting = (await to.setting("policy-default-local-cluster")) ?? "false";
    keepFacts({ policyDefaultLocalCluster: setting });
    await using _policy = await withNetworkPolicy(to, namespace, "ingress-of-kubernetes", {
      podSelector: server,
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { role: "allowed" } } }],
          ports: [{ port: echoHttpPort, protocol: "TCP" }],
        },
      ],
    });
    expect(
      await enforced(ask, within, [
        { from: to, role: "allowed", to, open: true },
        { from, role: "allowed", to, open: setting !== "true" },
        { from: to, role: "denied", to, open: false },
        { from, role: "denied", to, open: false },
      ]),
    ).toPass();
  });
}

/** Of documentation (RFC 5737): no address of a pod, a node or a gateway. */
const foreignBlock = "192.0.2.0/24";

/** An ipBlock names no pod, so a policy that holds nothing else lets none in (CVE-2026-56743). */
function ipBlockTest(test: DefineTest<PolicyContext>, pair: ClusterPair): void {
  const { to } = pair;
  test(`${pair.name} > a NetworkPolicy in ${to.name} that holds only an ipBlock lets no pod in`, {
    spec: "https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors",
  }, async ({ mesh, namespace, setup: { ask }, within, keepFacts, expect }) => {
    const { from, to } = pairIn(mesh, pair);
    keepFacts({
      policyDefaultLocalCluster: (await to.setting("policy-default-local-cluster")) ?? "false",
    });
    const paths = roles.flatMap((role) => [
      { from: to, role, to },
      { from, role, to },
    ]);
    const open = paths.map((path) => ({ ...path, open: true }));
    // Open before and after: otherwise the denial would prove nothing.
    expect(await enforced(ask, within, open)).toPass();
    {
      await using _policy = await withNetworkPolicy(to, namespace, "ingress-by-ip-block", {
        podSelector: server,
        policyTypes: ["Ingress"],
        ingress: [{ from: [{ ipBlock: { cidr: foreignBlock } }] }],
      });
      expect(
        await enforced(
          ask,
          within,
          paths.map((path) => ({ ...path, open: false })),
        ),
      ).toPass();
    }
    expect(await enforced(ask, within, open)).toPass();
  });
}
