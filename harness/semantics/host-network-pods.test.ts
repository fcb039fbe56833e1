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
