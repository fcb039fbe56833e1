import { describe, expect, test } from "vitest";
import { policyLimits } from "./policy-limits.ts";
import { type ModelPod, type ModelPolicy, policySays } from "./policy-model.ts";

const pod = (cluster: string, app: string, namespace = "shop"): ModelPod => ({
  cluster,
  namespace,
  labels: { app },
  namespaceLabels: { team: namespace === "shop" ? "store" : "ops" },
});
const policy = (spec: object, news: Partial<ModelPolicy> = {}): ModelPolicy => ({
  cluster: "c1",
  kind: "CiliumNetworkPolicy",
  namespace: "shop",
  name: "p",
  spec,
  ...news,
});
const payments = { endpointSelector: { matchLabels: { app: "payments" } } };
const verdictOf = (
  policies: readonly ModelPolicy[],
  from: ModelPod,
  to = pod("c1", "payments"),
  { port = 8080, local = true } = {},
) => policySays(policies, { from, to, port }, () => local).verdict;

describe("ingress", () => {
  const fromC2 = policy({
    ...payments,
    ingress: [
      {
        fromEndpoints: [{ matchLabels: { app: "cart", "io.cilium.k8s.policy.cluster": "c2" } }],
        toPorts: [{ ports: [{ port: "8080", protocol: "TCP" }] }],
      },
    ],
  });

  test("without a policy every connection is allowed", () => {
    expect(verdictOf([], pod("c2", "any"))).toBe("allow");
  });

  test("a rule allows by cluster, label and port, and denies all others", () => {
    expect(verdictOf([fromC2], pod("c2", "cart"))).toBe("allow");
    expect(verdictOf([fromC2], pod("c1", "cart"))).toBe("deny");
    expect(verdictOf([fromC2], pod("c2", "catalog"))).toBe("deny");
    expect(verdictOf([fromC2], pod("c2", "cart", "other"))).toBe("deny");
    expect(verdictOf([fromC2], pod("c2", "cart"), undefined, { port: 81 })).toBe("deny");
  });

  test("a policy applies to the pods that it selects, in its own cluster and namespace", () => {
    expect(verdictOf([fromC2], pod("c1", "x"), pod("c1", "cart"))).toBe("allow");
    expect(verdictOf([fromC2], pod("c1", "x"), pod("c2", "payments"))).toBe("allow");
    expect(verdictOf([fromC2], pod("c1", "x"), pod("c1", "payments", "other"))).toBe("allow");
  });

  test("a selector without a cluster label follows policyDefaultLocalCluster", () => {
    const cart = policy({
      ...payments,
      ingress: [{ fromEndpoints: [{ matchLabels: { "k8s:app": "cart" } }] }],
    });
    expect(verdictOf([cart], pod("c2", "cart"), undefined, { local: true })).toBe("deny");
    expect(verdictOf([cart], pod("c2", "cart"), undefined, { local: false })).toBe("allow");
    expect(verdictOf([cart], pod("c1", "cart"))).toBe("allow");
  });

  test("an empty rule denies every peer, an empty selector allows the namespace", () => {
    expect(verdictOf([policy({ ...payments, ingress: [{}] })], pod("c1", "cart"))).toBe("deny");
    // Nothing is enforced without a rule (pkg/policy/api/rule_validation.go), or with enableDefaultDeny off.
    expect(verdictOf([policy({ ...payments, ingress: [] })], pod("c1", "cart"))).toBe("allow");
    const gentle = { enableDefaultDeny: { ingress: false }, ingress: [{}] };
    expect(verdictOf([policy({ ...payments, ...gentle })], pod("c1", "cart"))).toBe("allow");
    const all = policy({ ...payments, ingress: [{ fromEndpoints: [{}] }] });
    expect(verdictOf([all], pod("c1", "cart"))).toBe("allow");
    expect(verdictOf([all], pod("c1", "cart", "other"))).toBe("deny");
  });

  test("a deny rule takes precedence over every allow rule", () => {
    const open = policy({ ...payments, ingress: [{ fromEntities: ["all"] }] });
    const shut = policy({
      ...payments,
      ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: "cart" } }] }],
    });
    expect(verdictOf([open, shut], pod("c1", "cart"))).toBe("deny");
    expect(verdictOf([open, shut], pod("c1", "catalog"))).toBe("allow");
  });

  test("the entity cluster is the policy's own cluster; nodes and the world match no pods", () => {
    const own = policy({ ...payments, ingress: [{ fromEntities: ["cluster", "world"] }] });
    expect(verdictOf([own], pod("c1", "cart"))).toBe("allow");
    expect(verdictOf([own], pod("c2", "cart"))).toBe("deny");
  });

  test("namespaces by name and by label, and expressions", () => {
    const ops = policy({
      ...payments,
      ingress: [
        { fromEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": "ops" } }] },
        {
          fromEndpoints: [
            {
              matchLabels: { "io.cilium.k8s.namespace.labels.team": "store" },
              matchExpressions: [{ key: "app", operator: "NotIn", values: ["cart"] }],
            },
          ],
        },
      ],
    });
    expect(verdictOf([ops], pod("c1", "any", "ops"))).toBe("allow");
    expect(verdictOf([ops], pod("c1", "catalog"))).toBe("allow");
    expect(verdictOf([ops], pod("c1", "cart"))).toBe("deny");
  });
});

test("egress is judged in the client's cluster", () => {
  const out = policy({
    endpointSelector: { matchLabels: { app: "cart" } },
    egress: [{ toEndpoints: [{ matchLabels: { app: "catalog" } }] }],
  });
  expect(verdictOf([out], pod("c1", "cart"))).toBe("deny");
  expect(verdictOf([out], pod("c1", "cart"), pod("c1", "catalog"))).toBe("allow");
  expect(verdictOf([out], pod("c2", "cart"))).toBe("allow");
});

test("a Kubernetes NetworkPolicy: pods, namespaces, ports, and types without rules", () => {
  const kubernetes = (spec: object) => policy(spec, { kind: "NetworkPolicy" });
  const podSelector = { matchLabels: { app: "payments" } };
  const from = kubernetes({
    podSelector,
    ingress: [
      {
        from: [{ namespaceSelector: { matchLabels: { team: "ops" } }, podSelector: {} }],
        ports: [{ port: 8080 }],
      },
    ],
  });
  expect(verdictOf([from], pod("c1", "any", "ops"))).toBe("allow");
  expect(verdictOf([from], pod("c1", "any"))).toBe("deny");
  expect(verdictOf([kubernetes({ podSelector, policyTypes: ["Ingress"] })], pod("c1", "cart"))).toBe("deny");
  expect(verdictOf([kubernetes({ podSelector, policyTypes: ["Egress"] })], pod("c1", "cart"))).toBe("allow");
});

test("a rule that is not understood makes the verdict unclear, unless another rule denies", () => {
  const odd = policy({ ...payments, ingress: [{ fromRequires: [{}] }] });
  const { verdict, why } = policySays(
    [odd],
    { from: pod("c1", "cart"), to: pod("c1", "payments"), port: 1 },
    () => true,
  );
  expect(verdict).toBe("unclear");
  expect(why).toEqual(["c1/shop/p: fromRequires is not understood"]);
  const renamed = policy(
    { podSelector: { matchLabels: { app: "payments" } }, ingress: [{ _from: [{ podSelector: {} }] }] },
    { kind: "NetworkPolicy" },
  );
  expect(verdictOf([renamed], pod("c1", "cart"))).toBe("unclear");
  const shut = policy({ ...payments, ingressDeny: [{ fromEntities: ["all"] }] });
  expect(verdictOf([odd, shut], pod("c1", "cart"))).toBe("deny");
  const l7 = policy({
    ...payments,
    ingress: [{ toPorts: [{ ports: [{ port: "8080" }], rules: { http: [{}] } }] }],
  });
  expect(verdictOf([l7], pod("c1", "cart"))).toBe("unclear");
});

describe("peers and ports of every kind", () => {
  const from = pod("c1", "cart");

  test("CIDRs, nodes, names of the world and ipBlock match no pod, but deny everybody else", () => {
    for (const rule of [
      { fromCIDR: ["10.0.0.0/8"] },
      { fromCIDRSet: [{ cidr: "0.0.0.0/0" }] },
      { fromNodes: [{}] },
      { fromEntities: ["world-ipv4", "remote-node"] },
    ])
      expect(verdictOf([policy({ ...payments, ingress: [rule] })], from)).toBe("deny");
    const ipBlock = policy(
      {
        podSelector: { matchLabels: { app: "payments" } },
        ingress: [{ from: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }],
      },
      { kind: "NetworkPolicy" },
    );
    expect(verdictOf([ipBlock], from)).toBe("deny");
    const fqdn = policy({
      endpointSelector: { matchLabels: { app: "cart" } },
      egress: [{ toFQDNs: [{ matchName: "a.b" }] }],
    });
    expect(verdictOf([fqdn], from)).toBe("deny");
  });

  test("a rule about ICMP lets no TCP in", () => {
    const icmp = policy({
      ...payments,
      ingress: [{ fromEndpoints: [{}], icmps: [{ fields: [{ type: 8, family: "IPv4" }] }] }],
    });
    expect(verdictOf([icmp], from)).toBe("deny");
  });

  test("a clusterwide policy selects pods of every namespace, and peers of every namespace; of nodes, none", () => {
    const wide = (spec: object) =>
      policy(spec, { kind: "CiliumClusterwideNetworkPolicy", namespace: "", name: "wide" });
    const shut = wide({
      endpointSelector: { matchLabels: { "k8s:io.kubernetes.pod.namespace": "shop" } },
      ingress: [{ fromEndpoints: [{ matchLabels: { app: "cart" } }] }],
    });
    expect(verdictOf([shut], pod("c1", "cart", "other"))).toBe("allow");
    expect(verdictOf([shut], pod("c1", "x"))).toBe("deny");
    expect(verdictOf([shut], pod("c1", "x"), pod("c1", "payments", "other"))).toBe("allow");
    expect(verdictOf([wide({ nodeSelector: {}, ingress: [{}] })], from)).toBe("allow");
    expect(
      policySays([shut], { from: pod("c1", "x"), to: pod("c1", "payments"), port: 1 }, () => true).why,
    ).toEqual(["nothing allows its ingress"]);
  });

  test("the subject may be selected by its cluster, and peers by their service account", () => {
    const here = policy({
      endpointSelector: { matchLabels: { app: "payments", "io.cilium.k8s.policy.cluster": "c1" } },
      ingress: [{ fromEndpoints: [{ matchLabels: { "io.cilium.k8s.policy.serviceaccount": "cart" } }] }],
    });
    expect(verdictOf([here], from)).toBe("deny");
    expect(verdictOf([here], { ...from, serviceAccount: "cart" })).toBe("allow");
  });

  test("a named port is the number that the server gives it; on egress it may be another pod's too", () => {
    const named = (side: string) =>
      policy({
        endpointSelector: { matchLabels: { app: side === "ingress" ? "payments" : "cart" } },
        [side]: [{ toPorts: [{ ports: [{ port: "web" }] }] }],
      });
    const to = { ...pod("c1", "payments"), portNames: { web: 8080 } };
    expect(verdictOf([named("ingress")], from, to)).toBe("allow");
    expect(verdictOf([named("ingress")], from, to, { port: 81 })).toBe("deny");
    expect(verdictOf([named("ingress")], from)).toBe("unclear");
    expect(verdictOf([named("egress")], from, to)).toBe("allow");
    expect(verdictOf([named("egress")], from, to, { port: 81 })).toBe("unclear");
  });

  test("protocols: without one, a port of Cilium's policy is of any, one of a NetworkPolicy of TCP", () => {
    const asked = { from, to: pod("c1", "payments"), port: 53, protocol: "UDP" } as const;
    const ports = [{ port: 53 }];
    const cilium = policy({ ...payments, ingress: [{ toPorts: [{ ports }] }] });
    expect(policySays([cilium], asked, () => true).verdict).toBe("allow");
    const kubernetes = policy(
      { podSelector: { matchLabels: { app: "payments" } }, ingress: [{ ports }] },
      { kind: "NetworkPolicy" },
    );
    expect(policySays([kubernetes], asked, () => true).verdict).toBe("deny");
  });

  test("policyEnforcementMode: always denies what nothing allows, never allows all", () => {
    const asked = { from, to: pod("c1", "payments"), port: 1 };
    expect(
      policySays(
        [],
        asked,
        () => true,
        () => "always",
      ).verdict,
    ).toBe("deny");
    const shut = policy({ ...payments, ingress: [{}] });
    expect(
      policySays(
        [shut],
        asked,
        () => true,
        () => "never",
      ).verdict,
    ).toBe("allow");
  });
});

test("what the model cannot decide on is named from the policy alone", () => {
  const of = (spec: object, kind = "CiliumNetworkPolicy") => policyLimits(kind, [spec]);
  expect(of({ ingress: [{ fromCIDR: ["10.0.0.0/8"], toPorts: [{ ports: [{ port: "web" }] }] }] })).toEqual(
    [],
  );
  expect(of({ egress: [{ toServices: [{}] }, { toPorts: [{ ports: [{ port: "web" }] }] }] })).toEqual([
    "toServices",
    "named ports on egress",
  ]);
  expect(of({ ingress: [{ toPorts: [{ rules: { http: [{}] } }] }] })).toEqual(["toPorts.rules"]);
  expect(of({ ingress: [{ _from: [] }] }, "NetworkPolicy")).toEqual(["_from"]);
});

test("reserved labels are taken as they are, and an empty cluster label of a NetworkPolicy as none", () => {
  const notHost = policy({
    ...payments,
    ingress: [
      { fromEndpoints: [{ matchExpressions: [{ key: "reserved:host", operator: "DoesNotExist" }] }] },
    ],
  });
  expect(verdictOf([notHost], pod("c2", "cart", "other"))).toBe("allow");
  const from = { podSelector: { matchLabels: { "io.cilium.k8s.policy.cluster": "", app: "cart" } } };
  const empty = policy(
    { podSelector: { matchLabels: { app: "payments" } }, ingress: [{ from: [from] }] },
    { kind: "NetworkPolicy" },
  );
  const of = (cluster: string, local: boolean) =>
    verdictOf([empty], pod(cluster, "cart"), undefined, { local });
  expect([of("c1", true), of("c2", true)]).toEqual(["allow", "deny"]);
  expect([of("c1", false), of("c2", false)]).toEqual(["deny", "deny"]);
});
