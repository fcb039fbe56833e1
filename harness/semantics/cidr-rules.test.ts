import { describe, expect, test } from "vitest";
import type { UserPolicy } from "#harness/model/what-if.ts";
import { cidrProblems } from "./cidr-rules.ts";
import { exampleCluster, examplePod, examplePolicy } from "./example-policies.ts";
import type { PolicyCluster } from "./policy-clusters.ts";

const cart = { matchLabels: { app: "cart" } };
const toPorts = [{ ports: [{ port: "8080", protocol: "TCP" }] }];
const letting = (...rules: readonly object[]): UserPolicy =>
  examplePolicy({ endpointSelector: cart, ingress: rules });
const problems = (policy: UserPolicy, east: Partial<PolicyCluster> = {}, west: Partial<PolicyCluster> = {}) =>
  cidrProblems([exampleCluster("east", { policies: [policy], ...east }), exampleCluster("west", west)]);
const texts = (...of: Parameters<typeof problems>): string[] =>
  problems(...of).map((p) => `${p.problem} [${p.breaks ? "yes" : "perhaps"}]`);

const west = "10.2.0.0/16";
const why = "as pods have identities and CIDR rules apply to addresses without one";

describe("a CIDR of a cluster's pods selects none of them", () => {
  test("clients are denied, whatever the rule is called", () => {
    const expected = `means the pods of west and selects none of them, ${why}: pods of west (shop/cart, shop/client) are denied at shop/cart of east [yes]`;
    for (const [rule, title] of [
      [{ fromCIDR: [west], toPorts }, "fromCIDR 10.2.0.0/16"],
      [{ fromCIDRSet: [{ cidr: west }], toPorts }, "fromCIDRSet 10.2.0.0/16"],
    ] as const)
      expect(texts(letting(rule))).toEqual([`${title} in spec.ingress[0] ${expected}`]);
    const block = { podSelector: cart, ingress: [{ from: [{ ipBlock: { cidr: west } }] }] };
    expect(texts(examplePolicy(block, "NetworkPolicy"))).toEqual([
      `from ipBlock 10.2.0.0/16 in spec.ingress[0] ${expected}`,
    ]);
    // It is told as a defect of Cilium there.
    expect(texts(examplePolicy(block, "NetworkPolicy"), { version: "1.19.4" })).toEqual([]);
  });

  test("where no pods are known it is perhaps so, and nothing beside a rule that selects by identities", () => {
    const none = { pods: [] };
    expect(texts(letting({ fromCIDR: [west] }), none, none)).toEqual([expect.stringMatching(/\[perhaps\]$/)]);
    expect(texts(letting({ fromCIDR: [west] }, { fromEntities: ["all"] }), none, none)).toEqual([]);
    expect(texts(letting({ fromCIDR: [west] }, { fromEndpoints: [{}] }), none, none)).toEqual([]);
  });

  test("another policy of a broken form is no error", () => {
    const broken = [
      examplePolicy({ endpointSelector: { matchLabels: null }, ingress: [{ fromEntities: "cluster" }] }),
      examplePolicy({ endpointSelector: {}, ingress: [{ fromEndpoints: [{}], toPorts: { ports: [] } }] }),
    ];
    const policies = [letting({ fromCIDR: [west] }), ...broken];
    expect(() => problems(letting(), { policies })).not.toThrow();
  });

  test("the patch adds a rule of the same ports", () => {
    const [found] = problems(letting({ fromCIDR: [west], toPorts }));
    const clusters = { key: "io.cilium.k8s.policy.cluster", operator: "In", values: ["west"] };
    const matchExpressions = [clusters, { key: "io.kubernetes.pod.namespace", operator: "Exists" }];
    expect(found?.remedy).toBe("select them by fromEndpoints with io.cilium.k8s.policy.cluster: west");
    expect(found?.patch).toEqual([
      { op: "add", path: "/spec/ingress/-", value: { fromEndpoints: [{ matchExpressions }], toPorts } },
    ]);
  });

  test("its own cluster's too, outwards, and where it should deny", () => {
    const out = {
      endpointSelector: { matchLabels: { app: "client" } },
      egress: [{ toCIDR: ["10.1.0.0/16"] }],
    };
    expect(texts(examplePolicy(out))).toEqual([
      expect.stringContaining("shop/client of east do not reach pods of east (shop/cart)"),
    ]);
    const denying = {
      endpointSelector: cart,
      ingress: [{ fromEntities: ["all"] }],
      ingressDeny: [{ fromCIDR: [west] }],
    };
    expect(texts(examplePolicy(denying))).toEqual([
      expect.stringContaining("pods of west (shop/cart, shop/client) are let in at shop/cart of east"),
    ]);
  });

  test("of pods with known addresses, those in the CIDR and not in an exception", () => {
    const pods = ["a", "b", "c"].map((name, i) => examplePod("west", name, { ips: [`10.2.${i}.5`] }));
    const rule = { fromCIDRSet: [{ cidr: "10.2.0.0/23", except: ["10.2.0.0/24"] }] };
    expect(texts(letting(rule), {}, { pods })).toEqual([
      expect.stringContaining("pods of west (shop/b) are"),
    ]);
  });

  test("also where the last of many kinds of pods, ports or CIDRs is the only one", () => {
    const apps = Array.from({ length: 40 }, (_, i) => `app${i}`);
    const pods = apps.map((app, i) => examplePod("west", app, { ips: [`10.2.${i}.5`] }));
    const cidrs = apps.map((_, i) => `10.2.${i}.0/24`);
    const others = {
      fromEndpoints: [
        {
          matchExpressions: [
            { key: "app", operator: "NotIn", values: ["app39"] },
            { key: "io.cilium.k8s.policy.cluster", operator: "Exists" },
          ],
        },
      ],
    };
    expect(texts(letting(others, { fromCIDR: cidrs }), {}, { pods })).toEqual([
      expect.stringMatching(
        /^fromCIDR 10\.2\.39\.0\/24 in spec\.ingress\[1\] means .*: pods of west \(shop\/app39\) are denied/,
      ),
    ]);
    expect(texts(letting({ fromCIDR: [west] }), {}, { pods })).toEqual([
      expect.stringContaining("(shop/app0, shop/app1, shop/app2 and 37 more) are denied"),
    ]);
    const ports = (...list: readonly number[]) => [
      { ports: list.map((p) => ({ port: String(p), protocol: "TCP" })) },
    ];
    const most = { fromEntities: ["all"], toPorts: ports(1, 2, 3, 4, 5) };
    expect(texts(letting(most, { fromCIDR: [west], toPorts: ports(1, 2, 3, 4, 5, 6) }))).toHaveLength(1);
    expect(texts(letting(most, { fromCIDR: [west], toPorts: ports(1, 2, 3, 4, 5) }))).toEqual([]);
  });

  test("is suspect where these pods are not known", () => {
    const expected = [expect.stringMatching(/without one \[perhaps\]$/)];
    expect(texts(letting({ fromCIDR: [west] }), { pods: [] })).toEqual(expected);
    expect(texts(letting({ fromCIDR: [west] }), {}, { pods: [] })).toEqual(expected);
    // One node's range, of pods without known addresses.
    expect(texts(letting({ fromCIDR: ["10.2.7.0/24"] }))).toEqual(expected);
  });
});

describe("nothing is wrong", () => {
  test.each([
    ["with a range that holds pods beside other things", letting({ fromCIDR: ["10.0.0.0/8", "0.0.0.0/0"] })],
    ["with a range of no pods", letting({ fromCIDR: ["10.3.0.0/16", "2001:db8::/32", "no CIDR"] })],
    [
      "with an exception of a wider range",
      letting({ fromCIDRSet: [{ cidr: "10.0.0.0/8", except: [west] }] }),
    ],
    ["where another rule lets them in", letting({ fromCIDR: [west] }, { fromEntities: ["all"] })],
    [
      "where it selects no pod",
      examplePolicy({ endpointSelector: { matchLabels: { app: "x" } }, ingress: [{ fromCIDR: [west] }] }),
    ],
  ])("%s", (_, policy) => {
    expect(texts(policy)).toEqual([]);
  });

  test("where CIDR rules select pods, or nodes have addresses of the range", () => {
    const settings = { "policy-cidr-match-mode": "nodes pods" };
    expect(texts(letting({ fromCIDR: [west] }), { settings })).toEqual([]);
    expect(texts(letting({ fromCIDR: [west] }), {}, { nodeIps: ["10.2.0.9"] })).toEqual([]);
  });

  test("with a part of a range that is drawn around nodes; the whole counts", () => {
    const ranges = { sure: ["10.2.0.0/24", "10.2.1.0/24"], likely: [west] };
    expect(texts(letting({ fromCIDR: ["10.2.200.0/24", "10.2.0.0/15"] }), {}, { ranges })).toEqual([]);
    for (const cidr of [west, "10.2.0.0/23"])
      expect(texts(letting({ fromCIDR: [cidr] }), {}, { ranges })).toHaveLength(1);
    const pool = { sure: ["10.0.0.0/8"], likely: [] };
    expect(texts(letting({ fromCIDR: [west] }), {}, { ranges: pool })).toEqual([]);
  });
});
