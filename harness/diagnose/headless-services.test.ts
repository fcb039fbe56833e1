import { expect, test } from "vitest";
import type { ClusterSnapshot, ServiceState, SliceState } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, meshWith, ok, service, west, withSettings } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const key = "clustermesh-enable-endpoint-sync";
const on = withSettings(west, { [key]: "true" }).config;

const slice = (over: Partial<SliceState>, ...addresses: readonly string[]): SliceState => ({
  ...{ namespace: "shop", name: "cart-x", service: "cart", mirrored: false, addressType: "IPv4" },
  ...{ labels: {}, annotations: {}, ports: [{ name: "http", protocol: "TCP", port: 80 }] },
  endpoints: addresses.map((ip) => ({
    ...{ addresses: [ip], node: "n", ready: true, serving: true, terminating: false },
  })),
  ...over,
});
const headless = (over: Partial<ServiceState> = {}): ServiceState => service({ clusterIp: "None", ...over });

const ofEast: Partial<ClusterSnapshot> = { services: ok([headless()]), slices: ok([slice({}, "10.1.0.5")]) };
const ofWest: Partial<ClusterSnapshot> = {
  ...{ services: ok([headless()]), config: on },
  slices: ok([slice({}, "10.2.0.5"), slice({ name: "cart-east", mirrored: true }, "10.1.0.5")]),
};
const ids = (
  over: Partial<ClusterSnapshot>,
  overWest: Partial<ClusterSnapshot> = {},
): (string | undefined)[] =>
  causesOf(meshWith({ ...ofEast, ...over }, { ...ofWest, ...overWest })).map((f) => f.id);

test.each(["false", undefined])("a global headless service without synchronisation (%s)", (value) => {
  const { config } = value === undefined ? east : withSettings(east, { [key]: value });
  const [finding, ...others] = causesOf(meshWith({ ...ofEast, config }, ofWest));
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    id: "service-headless-not-synchronised",
    severity: "suspect",
    cluster: "east",
    message: `service shop/cart of east is headless and global, and ${key} of east is ${value === undefined ? "not set" : '"false"'}: DNS of east answers without the ready pods of west (10.2.0.5), because its operator writes no EndpointSlices for pods of other clusters`,
  });
  expect(finding === undefined ? [] : remedyCommands(finding, ["east", "west"]).map((c) => c.text)).toEqual([
    "helm -n kube-system upgrade cilium cilium/cilium --version 1.19.4 --reuse-values --set clustermesh.enableEndpointSliceSynchronization=true",
    "kubectl -n kube-system rollout restart deployment/cilium-operator",
  ]);
});

test("broken where the cluster has no pod of its own behind the service", () => {
  const [finding] = causesOf(meshWith({ ...ofEast, slices: ok([]) }, ofWest));
  expect(finding).toMatchObject({ id: "service-headless-not-synchronised", severity: "broken" });
});

test("Cilium before 1.16 does not have it", () => {
  const [finding] = causesOf(meshWith({ ...ofEast, ciliumVersion: ok("1.15.9") }, ofWest)).filter(
    (f) => f.id === "service-headless-not-synchronised",
  );
  expect(finding?.next).toMatch(/^upgrade Cilium of east to 1\.16 or later/);
});

test("nothing where DNS has the pods, or should not have them", () => {
  expect(ids({ config: withSettings(east, { [key]: "true" }).config })).toEqual([]);
  // Somebody else writes the EndpointSlice.
  expect(ids({ slices: ok([slice({}, "10.1.0.5"), slice({ name: "by-hand" }, "10.2.0.5")]) })).toEqual([]);
  const optOut = { "service.cilium.io/global-sync-endpoint-slices": "false" };
  const { annotations } = service({});
  expect(ids({ services: ok([headless({ annotations: { ...annotations, ...optOut } })]) })).toEqual([]);
  expect(ids({ services: ok([service({})]) }, { services: ok([service({})]) })).toEqual([]);
  expect(ids({}, { slices: ok([]), endpoints: ok([]) })).toEqual([]);
  const imported = headless({
    name: "derived-0a1b2c",
    labels: { "multicluster.kubernetes.io/service-name": "cart" },
  });
  const derived = slice({ service: "derived-0a1b2c" }, "10.2.0.5");
  expect(ids({ services: ok([imported]) }, { services: ok([imported]), slices: ok([derived]) })).toEqual([]);
});

test("nothing is concluded from a cilium-config of which only the name is known", () => {
  expect(ids({ config: ok({ "cluster-name": "east", "cluster-id": "1" }) })).not.toContain(
    "service-headless-not-synchronised",
  );
});

test("backends in the operator's copies of EndpointSlices have their pods in the other cluster", () => {
  const copied = { namespace: "shop", service: "cart", ip: "10.1.0.5", ready: true };
  const own = { ...copied, ip: "10.2.0.5" };
  const endpoints = (ip: string) => ok([{ ...copied, ip }, own]);
  expect(ids({ config: on }, { endpoints: endpoints("10.1.0.5") })).not.toContain(
    "service-backend-without-pod",
  );
  expect(ids({ config: on }, { endpoints: endpoints("10.2.0.77") })).toContain("service-backend-without-pod");
});
