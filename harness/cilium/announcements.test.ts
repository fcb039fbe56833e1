import { expect, test } from "vitest";
import { balancerState, bgpKinds, l2PolicyState } from "./announcements.ts";

const service = (spec: object, status: object = {}) =>
  balancerState({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec, status });

test("of a service: who serves its address, to whom, and whether LB IPAM gave it", () => {
  const satisfied = { type: "cilium.io/IPAMRequestSatisfied", status: "True" };
  expect(
    service(
      { loadBalancerClass: "io.cilium/l2-announcer", loadBalancerSourceRanges: [" 10.1.0.0/16"] },
      { conditions: [satisfied] },
    ),
  ).toEqual({
    balancer: { className: "io.cilium/l2-announcer", sourceRanges: ["10.1.0.0/16"], isFromCilium: true },
  });
  expect(service({}, { conditions: [{ ...satisfied, status: "False" }] })).toEqual({});
});

test("a policy without a selector and interfaces means every one", () => {
  const object = { apiVersion: "cilium.io/v2alpha1", kind: "CiliumL2AnnouncementPolicy" };
  expect(l2PolicyState({ ...object, metadata: { name: "p" }, spec: { loadBalancerIPs: true } })).toEqual({
    ...{ name: "p", interfaces: [], loadBalancerIps: true },
  });
});

test.each([
  ["1.17.4", ["cilium.io/v2alpha1 CiliumBGPAdvertisement", "cilium.io/v2alpha1 CiliumBGPPeeringPolicy"]],
  ["1.18.6", ["cilium.io/v2 CiliumBGPAdvertisement", "cilium.io/v2alpha1 CiliumBGPPeeringPolicy"]],
  ["1.20.2", ["cilium.io/v2 CiliumBGPAdvertisement"]],
  ["unknown", ["cilium.io/v2alpha1 CiliumBGPAdvertisement", "cilium.io/v2alpha1 CiliumBGPPeeringPolicy"]],
])("the kinds of BGP in Cilium %s", (version, kinds) => {
  expect(bgpKinds(version).map((k) => `${k.apiVersion} ${k.kind}`)).toEqual(kinds);
});
