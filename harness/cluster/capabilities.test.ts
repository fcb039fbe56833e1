import { describe, expect, test } from "vitest";
import type { PlannedExternalCluster, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import { capabilitiesOf } from "./capabilities.ts";

const common = {
  name: "east",
  id: 1,
  podCidr: "10.1.0.0/16",
  serviceCidr: "10.101.0.0/16",
  kubernetes: "1.34.4",
  cilium: "1.19.4",
};
const kind = (values: Record<string, unknown> = {}, more: object = {}): PlannedKindCluster => ({
  kind: "kind",
  ...common,
  kindConfig: {
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    networking: {
      podSubnet: common.podCidr,
      serviceSubnet: common.serviceCidr,
      disableDefaultCNI: true,
      kubeProxyMode: "none",
    },
    nodes: [{ role: "control-plane" }],
  },
  values,
  ...more,
});
const external = (more: Partial<PlannedExternalCluster> = {}): PlannedExternalCluster => ({
  kind: "external",
  ...common,
  context: "c",
  kubeconfig: "k",
  networks: [],
  hasApiserver: true,
  hasKvstoreMesh: true,
  routesNatively: false,
  assignsLoadBalancerIPs: false,
  ...more,
});

describe("the capabilities of a kind cluster", () => {
  test("include everything by default except native routing and dual stack", () => {
    expect(capabilitiesOf(kind(), "default")).toEqual({
      allowsNodeControl: true,
      nodesAreLocal: true,
      assignsLoadBalancerIPs: true,
      hasApiserver: true,
      hasKvstoreMesh: true,
      routesNatively: false,
      isDualStack: false,
    });
  });

  const withoutKvstoreMesh = { clustermesh: { apiserver: { kvstoremesh: { enabled: false } } } };
  test.each([
    ["its values route natively", kind({ routingMode: "native" }), "default", { routesNatively: true }],
    ["its values tunnel", kind({ routingMode: "tunnel" }), "default", { routesNatively: false }],
    ["its values have no KVStoreMesh", kind(withoutKvstoreMesh), "default", { hasKvstoreMesh: false }],
    [
      "its profile has an external etcd",
      kind(),
      "external-etcd",
      { hasApiserver: false, hasKvstoreMesh: false },
    ],
    ["it has an IPv6 pod CIDR", kind({}, { podCidr6: "fd00::/56" }), "kkp", { isDualStack: true }],
  ] as const)("%s", (_, planned, profile, expected) => {
    expect(capabilitiesOf(planned, profile)).toMatchObject(expected);
  });
});

describe("the capabilities of an external cluster", () => {
  test("never include node control", () => {
    expect(capabilitiesOf(external({ networks: ["kind"] }), "default")).toMatchObject({
      allowsNodeControl: false,
      nodesAreLocal: true,
    });
    expect(capabilitiesOf(external(), "default").nodesAreLocal).toBe(false);
  });

  test("are read from it and do not depend on the profile", () => {
    const reported = {
      hasApiserver: false,
      hasKvstoreMesh: false,
      routesNatively: true,
      assignsLoadBalancerIPs: true,
    };
    expect(capabilitiesOf(external(reported), "default")).toMatchObject(reported);
    expect(capabilitiesOf(external(), "external-etcd")).toMatchObject({
      hasApiserver: true,
      hasKvstoreMesh: true,
    });
  });
});
