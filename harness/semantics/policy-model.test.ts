import { describe, expect, test } from "vitest";
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
const says = (
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

  test("without a policy everything is open", () => {
    expect(says([], pod("c2", "any"))).toBe("allow");
  });

  test("by cluster, label and port, and nobody else", () => {
    expect(says([fromC2], pod("c2", "cart"))).toBe("allow");
    expect(says([fromC2], pod("c1", "cart"))).toBe("deny");
    expect(says([fromC2], pod("c2", "catalog"))).toBe("deny");
    expect(says([fromC2], pod("c2", "cart", "other"))).toBe("deny");
    expect(says([fromC2], pod("c2", "cart"), undefined, { port: 81 })).toBe("deny");
  });

  test("it is about the pods that it selects, in its own cluster and namespace", () => {
    expect(says([fromC2], pod("c1", "x"), pod("c1", "cart"))).toBe("allow");
    expect(says([fromC2], pod("c1", "x"), pod("c2", "payments"))).toBe("allow");
    expect(says([fromC2], pod("c1", "x"), pod("c1", "payments", "other"))).toBe("allow");
  });

  test("a selector without a cluster label means what the default says", () => {
    const cart = policy({
      ...payments,
      ingress: [{ fromEndpoints: [{ matchLabels: { "k8s:app": "cart" } }] }],
    });
    expect(says([cart], pod("c2", "cart"), undefined, { local: true })).toBe("deny");
    expect(says([cart], pod("c2", "cart"), undefined, { local: false })).toBe("allow");
    expect(says([cart], pod("c1", "cart"))).toBe("allow");
  });

  test("an empty rule denies everybody, an empty selector allows the namespace", () => {
    expect(says([policy({ ...payments, ingress: [{}] })], pod("c1", "cart"))).toBe("deny");
    // No rule at all enforces nothing (pkg/policy/api/rule_validation.go), nor does one that says so.
    expect(says([policy({ ...payments, ingress: [] })], pod("c1", "cart"))).toBe("allow");
    const gentle = { enableDefaultDeny: { ingress: false }, ingress: [{}] };
    expect(says([policy({ ...payments, ...gentle })], pod("c1", "cart"))).toBe("allow");
    const all = policy({ ...payments, ingress: [{ fromEndpoints: [{}] }] });
    expect(says([all], pod("c1", "cart"))).toBe("allow");
    expect(says([all], pod("c1", "cart", "other"))).toBe("deny");
  });

  test("a denial wins over every permission", () => {
    const open = policy({ ...payments, ingress: [{ fromEntities: ["all"] }] });
    const shut = policy({
      ...payments,
      ingressDeny: [{ fromEndpoints: [{ matchLabels: { app: "cart" } }] }],
    });
    expect(says([open, shut], pod("c1", "cart"))).toBe("deny");
    expect(says([open, shut], pod("c1", "catalog"))).toBe("allow");
  });

  test("the entity cluster is the policy's own cluster; nodes and the world are no pods", () => {
    const own = policy({ ...payments, ingress: [{ fromEntities: ["cluster", "world"] }] });
    expect(says([own], pod("c1", "cart"))).toBe("allow");
    expect(says([own], pod("c2", "cart"))).toBe("deny");
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
    expect(says([ops], pod("c1", "any", "ops"))).toBe("allow");
    expect(says([ops], pod("c1", "catalog"))).toBe("allow");
    expect(says([ops], pod("c1", "cart"))).toBe("deny");
  });
});

test("egress is judged in the client's cluster", () => {
  const out = policy({
    endpointSelector: { matchLabels: { app: "cart" } },
    egress: [{ toEndpoints: [{ matchLabels: { app: "catalog" } }] }],
  });
  expect(says([out], pod("c1", "cart"))).toBe("deny");
  expect(says([out], pod("c1", "cart"), pod("c1", "catalog"))).toBe("allow");
  expect(says([out], pod("c2", "cart"))).toBe("allow");
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
  expect(says([from], pod("c1", "any", "ops"))).toBe("allow");
  expect(says([from], pod("c1", "any"))).toBe("deny");
  expect(says([kubernetes({ podSelector, policyTypes: ["Ingress"] })], pod("c1", "cart"))).toBe("deny");
  expect(says([kubernetes({ podSelector, policyTypes: ["Egress"] })], pod("c1", "cart"))).toBe("allow");
});

test("what is not understood is unclear, unless something else denies it", () => {
  const odd = policy({ ...payments, ingress: [{ fromCIDR: ["10.0.0.0/8"] }] });
  const { verdict, why } = policySays(
    [odd],
    { from: pod("c1", "cart"), to: pod("c1", "payments"), port: 1 },
    () => true,
  );
  expect(verdict).toBe("unclear");
  expect(why).toEqual(["c1/shop/p: fromCIDR is not understood"]);
  const renamed = policy(
    { podSelector: { matchLabels: { app: "payments" } }, ingress: [{ _from: [{ podSelector: {} }] }] },
    { kind: "NetworkPolicy" },
  );
  expect(says([renamed], pod("c1", "cart"))).toBe("unclear");
  const shut = policy({ ...payments, ingressDeny: [{ fromEntities: ["all"] }] });
  expect(says([odd, shut], pod("c1", "cart"))).toBe("deny");
  const l7 = policy({
    ...payments,
    ingress: [{ toPorts: [{ ports: [{ port: "8080" }], rules: { http: [{}] } }] }],
  });
  expect(says([l7], pod("c1", "cart"))).toBe("unclear");
});
