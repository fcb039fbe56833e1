import { describe, expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { exampleCluster, examplePod, examplePolicy } from "./example-policies.ts";
import { hostNetworkProblems, type WithHostPods } from "./host-network-pods.ts";

const clusterLabel = "io.cilium.k8s.policy.cluster";
const exporter = { app: "exporter" };
const toPorts = [{ ports: [{ port: "8080", protocol: "TCP" }] }];
const ofWest = { matchLabels: { ...exporter, [clusterLabel]: "west" } };
const client = { matchLabels: { app: "client" } };

/** Both have shop/exporter in the network of its node, unless `hostPods` says otherwise. */
const cluster = (name: "east" | "west", over: Partial<WithHostPods> = {}): WithHostPods => ({
  ...exampleCluster(name),
  hostPods: [examplePod(name, "exporter")],
  nodeCount: 2,
  ...over,
});
const problems = (
  policies: readonly UserPolicy[],
  east: Partial<WithHostPods> = {},
  west: Partial<WithHostPods> = {},
) => hostNetworkProblems([cluster("east", { policies, ...east }), cluster("west", west)]);

const egress = (...rules: readonly object[]): UserPolicy =>
  examplePolicy({ endpointSelector: client, egress: rules });
const ingress = (...rules: readonly object[]): UserPolicy =>
  examplePolicy({ endpointSelector: client, ingress: rules });

describe("peers in the network of their nodes", () => {
  test("of another cluster are not reached by their labels, and the patch allows their nodes", () => {
    expect(problems([egress({ toEndpoints: [ofWest], toPorts })])).toEqual([
      expect.objectContaining({
        cluster: "east",
        breaks: true,
        problem:
          "selects by labels in spec.egress[0].toEndpoints[0] pods of west in the network of their nodes (shop/exporter), which have the identity of their node (remote-node) and none of their labels: they are not reached from shop/client of east",
        remedy:
          "add a rule beside it with toEntities remote-node, which means every node, or select the nodes by toNodes (Helm value nodeSelectorLabels)",
        patch: [{ op: "add", path: "/spec/egress/-", value: { toEntities: ["remote-node"], toPorts } }],
      }),
    ]);
  });

  test("of another cluster are not let in, and those of the own one on their own node only", () => {
    const [far, ...none] = problems([ingress({ fromEndpoints: [ofWest] })]);
    expect(none).toEqual([]);
    expect(far).toMatchObject({
      breaks: true,
      problem: expect.stringMatching(/: they are denied at shop\/client of east$/),
    });
    const [near] = problems([ingress({ fromEndpoints: [{ matchLabels: exporter }] })]);
    expect(near).toMatchObject({
      breaks: false,
      problem: expect.stringMatching(/\(host or remote-node\) .* east, except on the same node$/),
    });
  });

  test("of a whole namespace, and by a NetworkPolicy of Kubernetes, which has no such entity", () => {
    const namespace = "k8s:io.kubernetes.pod.namespace";
    const inNamespace = { matchLabels: { [namespace]: "nodes", [clusterLabel]: "west" } };
    const pod = examplePod("west", "exporter");
    const west = { hostPods: [{ ...pod, model: { ...pod.model, namespace: "nodes" } }] };
    expect(problems([egress({ toEndpoints: [inNamespace] })], {}, west)).toHaveLength(1);
    const to = [{ podSelector: ofWest }];
    const kubernetes = { podSelector: client, policyTypes: ["Egress"], egress: [{ to }] };
    const [found] = problems([examplePolicy(kubernetes, "NetworkPolicy")]);
    expect(found).toMatchObject({
      breaks: true,
      remedy: expect.stringMatching(/^add a CiliumNetworkPolicy with toEntities remote-node/),
    });
    expect(found).not.toHaveProperty("patch");
  });

  test("a denial of them denies nothing", () => {
    const denied = examplePolicy({
      endpointSelector: client,
      ingress: [{ fromEntities: ["all"] }],
      ingressDeny: [{ fromEndpoints: [ofWest] }],
    });
    expect(problems([denied])).toMatchObject([
      { breaks: false, problem: expect.stringContaining("it denies them nothing, and they are let in at") },
    ]);
  });
});

describe("nothing is said where", () => {
  const rule = { toEndpoints: [ofWest], toPorts };
  test.each([
    ["another rule lets remote nodes through", [egress(rule, { toEntities: ["remote-node"], toPorts })]],
    ["the entity cluster does", [egress(rule, { toEntities: ["cluster"] })]],
    ["every peer is let through", [egress(rule, { toPorts })]],
    ["another policy lets nodes through", [egress(rule), egress({ toNodes: [{}] })]],
    [
      "the reserved label does",
      [egress(rule, { toEndpoints: [{ matchLabels: { "reserved:remote-node": "" } }] })],
    ],
    ["the selector selects no such pod", [egress({ toEndpoints: [{ matchLabels: { app: "other" } }] })]],
    ["it is about ICMP", [egress({ toEndpoints: [ofWest], icmps: [{ fields: [{ type: 8 }] }] })]],
    [
      "nothing is denied by default",
      [examplePolicy({ endpointSelector: client, egress: [rule], enableDefaultDeny: { egress: false } })],
    ],
    [
      "the policy is about no pod",
      [examplePolicy({ endpointSelector: { matchLabels: { app: "nobody" } }, egress: [rule] })],
    ],
    [
      "a denial shuts them out too",
      [examplePolicy({ endpointSelector: client, egress: [rule], egressDeny: [{ toEndpoints: [ofWest] }] })],
    ],
  ])("%s", (_, policies) => {
    expect(problems(policies)).toEqual([]);
  });

  test("the selector selects other pods too", () => {
    const pods = [examplePod("west", "exporter")];
    expect(problems([egress(rule)], {}, { pods })).toEqual([]);
    expect(problems([egress({ toEndpoints: [{ matchLabels: { [clusterLabel]: "west" } }] })])).toEqual([]);
  });

  test("other ports, or nodes that are not theirs, are let through: these are said", () => {
    const other = { toEntities: ["remote-node"], toPorts: [{ ports: [{ port: "53", protocol: "UDP" }] }] };
    expect(problems([egress(rule, other)])).toHaveLength(1);
    // Both mean nodes of the own cluster.
    expect(problems([egress(rule, { toEntities: ["host", "kube-apiserver"] })])).toHaveLength(1);
  });

  test("CIDR rules select nodes, or policies are off", () => {
    const withCidr = [egress(rule, { toCIDR: ["192.0.2.0/24"] })];
    expect(problems(withCidr)).toHaveLength(1);
    expect(problems(withCidr, { settings: { "policy-cidr-match-mode": "nodes" } })).toEqual([]);
    expect(problems([egress(rule)], { enforcement: "never" })).toEqual([]);
  });
});

describe("a selector that means every cluster", () => {
  const open = { toEndpoints: [{ matchLabels: exporter }], toPorts };
  const toHost = { toEntities: ["host"] };

  test("is about other clusters' pods only where it misses its own, or there are none", () => {
    const east = { isLocal: false };
    expect(problems([egress(open)], east)).toHaveLength(2);
    expect(problems([egress(open, toHost)], east)).toEqual([]);
    expect(problems([egress(open, toHost)], { ...east, hostPods: [] })).toMatchObject([
      { breaks: true, problem: expect.stringContaining("pods of west") },
    ]);
    // One that names the cluster means its pods.
    expect(problems([egress({ toEndpoints: [ofWest], toPorts }, toHost)], east)).toHaveLength(1);
  });

  test("is judged for each of the policy's pods", () => {
    const ofClient = examplePolicy({ endpointSelector: client, egress: [toHost] });
    const ofAll = examplePolicy({ endpointSelector: {}, egress: [open] });
    const [far, ...others] = problems([ofAll, ofClient], { isLocal: false }).filter((p) =>
      p.problem.includes("pods of west"),
    );
    expect(others).toEqual([]);
    expect(far?.problem).toMatch(/not reached from shop\/cart of east$/);
  });
});

describe("a rule for all ports", () => {
  const rule = { toEndpoints: [ofWest] };
  const some = { toEntities: ["remote-node", "host"], toPorts };
  const serving = (...ports: readonly number[]): Partial<WithHostPods> => ({
    hostPods: [
      { ...examplePod("west", "exporter"), ports: ports.map((port) => ({ port, protocol: "TCP" as const })) },
    ],
  });

  test("is not judged by a guess where nodes are let through at some and the pods declare none", () => {
    expect(problems([egress(rule, some)], {}, serving())).toEqual([]);
    expect(problems([egress(rule)], {}, serving())).toMatchObject([{ breaks: true }]);
  });

  test("misses in part where some of those that are declared are let through", () => {
    expect(problems([egress(rule, some)], {}, serving(8080, 9100))).toMatchObject([
      {
        breaks: false,
        problem: expect.stringMatching(
          /not reached from shop\/client of east at some of the ports that are declared$/,
        ),
      },
    ]);
    expect(problems([egress(rule, some)], {}, serving(9100, 9101))).toMatchObject([{ breaks: true }]);
    expect(problems([egress(rule, some)], {}, serving(8080))).toEqual([]);
  });
});

describe("what is not known of such pods decides nothing", () => {
  const pod = examplePod("west", "exporter");
  const westWith = (model: Partial<WithHostPods["hostPods"][number]["model"]>): Partial<WithHostPods> => ({
    hostPods: [{ ...pod, model: { ...pod.model, ...model } }],
  });

  test("labels of namespaces", () => {
    const unknown = westWith({ unknownLabels: ["namespace"] });
    for (const of of [{ operator: "DoesNotExist" }, { operator: "NotIn", values: ["edge"] }]) {
      const namespaceSelector = { matchExpressions: [{ key: "team", ...of }] };
      const kubernetes = {
        ...{ podSelector: client, policyTypes: ["Egress"] },
        egress: [{ to: [{ podSelector: ofWest, namespaceSelector }] }],
      };
      const policies = [examplePolicy(kubernetes, "NetworkPolicy")];
      expect(problems(policies)).toHaveLength(1);
      expect(problems(policies, {}, unknown)).toEqual([]);
    }
    // What does not ask for them is certain.
    expect(problems([egress({ toEndpoints: [ofWest], toPorts })], {}, unknown)).toHaveLength(1);
  });

  test("service accounts", () => {
    const key = "io.cilium.k8s.policy.serviceaccount";
    const peer = { ...ofWest, matchExpressions: [{ key, operator: "NotIn", values: ["edge"] }] };
    const policies = [egress({ toEndpoints: [peer], toPorts })];
    expect(problems(policies)).toHaveLength(1);
    const { serviceAccount: _, ...model } = pod.model;
    const hostPods = [{ ...pod, model: { ...model, unknownLabels: ["serviceAccount"] as const } }];
    expect(problems(policies, {}, { hostPods })).toEqual([]);
  });
});

test("the own node of a cluster with one node is always let in, unless that is set otherwise", () => {
  const policies = [ingress({ fromEndpoints: [{ matchLabels: exporter }] })];
  expect(problems(policies)).toHaveLength(1);
  expect(problems(policies, { nodeCount: 1 })).toEqual([]);
  const settings = { "allow-localhost": "policy" };
  expect(problems(policies, { nodeCount: 1, settings })).toHaveLength(1);
  expect(problems([ingress({ fromEndpoints: [ofWest] })], { nodeCount: 1 })).toHaveLength(1);
});

test("policies that are not judged may let them through", () => {
  const policies = [egress({ toEndpoints: [ofWest], toPorts })];
  expect(problems(policies, { mayBeOverruled: true })).toMatchObject([{ breaks: false }]);
});

describe("a policy of such pods themselves", () => {
  const subject = (selector: object) => examplePolicy({ endpointSelector: selector, ingress: [{}] });

  test("is applied to none of them", () => {
    expect(problems([subject({ matchLabels: exporter })])).toMatchObject([
      {
        breaks: false,
        problem: expect.stringMatching(
          /^selects in spec\.endpointSelector pods in the network of their nodes alone \(shop\/exporter\), .* it is applied to none of them$/,
        ),
      },
    ]);
    const kubernetes = { podSelector: { matchLabels: exporter }, ingress: [] };
    expect(problems([examplePolicy(kubernetes, "NetworkPolicy")])).toHaveLength(1);
  });

  test("is no matter where it selects other pods too, a whole namespace, or nodes", () => {
    const pods = [examplePod("east", "exporter")];
    expect(problems([subject({ matchLabels: exporter })], { pods })).toEqual([]);
    expect(problems([subject({})], { pods: [] })).toEqual([]);
    const ofNodes = examplePolicy(
      { nodeSelector: {}, ingress: [{ fromEntities: ["cluster"] }] },
      "CiliumClusterwideNetworkPolicy",
    );
    expect(problems([ofNodes])).toEqual([]);
  });
});
