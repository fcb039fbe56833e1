import { expect, test } from "vitest";
import type { ServiceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, healthyMesh, meshWith, ok, service } from "./healthy-mesh.ts";
import { serviceAddresses } from "./service-addresses.ts";

const payments = (over: Partial<ServiceState>): ServiceState =>
  service({ name: "payments", annotations: {}, ...over });
const found = (over: Partial<ServiceState>) =>
  serviceAddresses(meshWith({ services: ok([payments(over)]) })).map((f) => [f.severity, f.message]);

test("a service with the address of another cluster's pod keeps its cluster from that pod", () => {
  expect(found({ clusterIp: "10.2.0.5" })).toEqual([
    [
      "broken",
      "service shop/payments of east has 10.2.0.5, which pod shop/cart-2 of west has: east serves that address itself, so nothing there reaches the pod; a ClusterIP of east is in pod CIDRs of west (10.2.0.0/24)",
    ],
  ]);
  expect(found({ addresses: ["10.11.0.9", "10.2.0.5"] })).toEqual([
    ["broken", expect.stringContaining("service shop/payments of east has 10.2.0.5")],
  ]);
});

test("a service CIDR on pod CIDRs of another cluster is suspect while no pod has such an address", () => {
  expect(found({ clusterIp: "10.2.0.77" })).toEqual([
    ["suspect", expect.stringContaining("a ClusterIP of east is in pod CIDRs of west (10.2.0.0/24)")],
  ]);
});

test("nothing is wrong with other addresses, without one, and in a healthy mesh", () => {
  expect(serviceAddresses(healthyMesh)).toEqual([]);
  expect(found({ clusterIp: "None" })).toEqual([]);
  expect(found({ type: "ExternalName", clusterIp: "" })).toEqual([]);
  expect(causesOf(healthyMesh)).toEqual([]);
});
