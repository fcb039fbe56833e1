import { describe, expect, test } from "vitest";
import type { PolicyObject } from "#harness/model/mesh-snapshot.ts";
import { hostVerdict, isHostFirewallOn, type NodeTraffic, selectsHost } from "./host-policies.ts";

const tunnel: NodeTraffic = { side: "ingress", protocol: "UDP", port: 8472 };
const policy: PolicyObject = {
  ...{ kind: "CiliumClusterwideNetworkPolicy", namespace: "", name: "p", specs: [] },
};

describe("what a nodeSelector selects", () => {
  const selects = (
    selector: unknown,
    labels: Record<string, string> | undefined,
    settings: Record<string, string> = {},
  ) => selectsHost(policy, { nodeSelector: selector }, { labels, settings });

  test("nodes by labels of the host endpoint, which has not all of the node's", () => {
    const labels = { type: "worker", "kubernetes.io/os": "linux", "node-role.kubernetes.io/worker": "" };
    expect(selects({}, undefined)).toBe(true);
    expect(selects({ matchLabels: { type: "worker" } }, labels)).toBe(true);
    expect(selects({ matchLabels: { type: "other" } }, labels)).toBe(false);
    expect(selects({ matchLabels: { "node-role.kubernetes.io/worker": "" } }, labels)).toBe(true);
    expect(selects({ matchLabels: { "kubernetes.io/os": "linux" } }, labels)).toBe(false);
    expect(selects(undefined, labels)).toBe(false);
  });

  test("is not known without labels, or where others are configured", () => {
    const selector = { matchLabels: { type: "worker" } };
    expect(selects(selector, undefined)).toBe(undefined);
    expect(selects(selector, { type: "worker" }, { "label-prefix-file": "/etc/labels" })).toBe(undefined);
    expect(selects(selector, { type: "worker" }, { labels: "k8s:!type" })).toBe(false);
  });
});

describe("whether nodes of other clusters get through", () => {
  const verdict = (spec: Record<string, unknown>, settings: Record<string, string> = {}) =>
    hostVerdict(spec, tunnel, settings);
  const ports = (port: string, protocol: string) => [{ ports: [{ port, protocol }] }];

  test.each([
    [{ fromEntities: ["remote-node"] }],
    [{ fromEntities: ["cluster", "health"] }],
    [{ fromEntities: ["all"] }],
    [{ toPorts: ports("8472", "UDP") }],
    [
      {
        toPorts: ports("8000", "ANY").map((p) => ({ ports: p.ports.map((q) => ({ ...q, endPort: 9000 })) })),
      },
    ],
    [{ fromEndpoints: [{ matchLabels: { "reserved:remote-node": "" } }] }],
    [{ fromEndpoints: [{}] }],
    [{ fromNodes: [{ matchLabels: { a: "b" } }] }],
  ])("%j lets them through", (rule) => {
    expect(verdict({ ingress: [rule] })).toBe("allowed");
  });

  test.each([
    [{}],
    [{ fromEntities: ["kube-apiserver", "health", "world", "host"] }],
    [{ fromEntities: ["remote-node"], toPorts: ports("4240", "TCP") }],
    [{ fromEntities: ["remote-node"], icmps: [{ fields: [{ type: 8 }] }] }],
    [{ toPorts: ports("8472", "TCP") }],
    [{ fromCIDR: ["0.0.0.0/0"] }],
    [{ fromEndpoints: [{ matchLabels: { app: "x" } }] }],
  ])("%j does not", (rule) => {
    expect(verdict({ ingress: [rule] })).toBe(undefined);
  });

  test("CIDRs mean nodes with policy-cidr-match-mode", () => {
    const spec = { ingress: [{ fromCIDR: ["172.18.0.0/16"] }] };
    expect(verdict(spec, { "policy-cidr-match-mode": "nodes" })).toBe("allowed");
  });

  test("a denial of the entity, or of the port for all, denies", () => {
    const ingress = [{ fromEntities: ["all"] }];
    expect(verdict({ ingress, ingressDeny: [{ fromEntities: ["remote-node"] }] })).toBe("denied");
    expect(verdict({ ingress, ingressDeny: [{ toPorts: ports("8472", "UDP") }] })).toBe("denied");
    expect(verdict({ ingress, ingressDeny: [{ fromEntities: ["world"] }] })).toBe("allowed");
    expect(verdict({ ingress, ingressDeny: [{ fromEntities: ["all"], toPorts: ports("22", "TCP") }] })).toBe(
      "allowed",
    );
  });
});

test("the host firewall is off by default, and audits only in audit mode", () => {
  expect(isHostFirewallOn({})).toBe(false);
  expect(isHostFirewallOn({ "enable-host-firewall": "true" })).toBe(true);
  expect(isHostFirewallOn({ "enable-host-firewall": "true", "policy-audit-mode": "true" })).toBe(false);
});
