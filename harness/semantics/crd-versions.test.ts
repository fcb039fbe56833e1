import { expect, test } from "vitest";
import { crdChanges, crdFindings, objectFindings } from "./crd-versions.ts";

const nodeConfigs = (...stored: string[]) => [{ name: "ciliumnodeconfigs.cilium.io", stored }];

test("a stored version that the new CRD lacks stops an upgrade; the release that has it again does not", () => {
  const states = nodeConfigs("v2alpha1", "v2");
  expect(crdFindings({ from: "1.19.7", to: "1.20.0" }, { states })).toMatchObject([
    { id: "crd-stored-version", grade: "serious", message: expect.stringContaining("v2alpha1") },
  ]);
  expect(crdFindings({ from: "1.19.7", to: "1.20.1" }, { states })).toHaveLength(1);
  expect(crdFindings({ from: "1.19.7", to: "1.20.2" }, { states })).toEqual([]);
  expect(crdFindings({ from: "1.19.7", to: "1.20.0" }, { states: nodeConfigs("v2") })).toEqual([]);
});

test("CRDs that were not read may hold what the move drops, and nothing is said where it drops nothing", () => {
  expect(crdFindings({ from: "1.19.7", to: "1.20.0" }, { states: undefined })).toMatchObject([
    { id: "crd-stored-version", grade: "caution", message: expect.stringContaining("were not read") },
  ]);
  expect(crdFindings({ from: "1.19.1", to: "1.20.2" }, { states: undefined })).toEqual([]);
});

test("a kind that the target does not have is named", () => {
  const states = [{ name: "ciliumbgppeeringpolicies.cilium.io", stored: ["v2alpha1"] }];
  expect(crdFindings({ from: "1.18.11", to: "1.19.7" }, { states })).toMatchObject([{ id: "crd-removed" }]);
  // A kind that only the newer one has is no matter of the older one.
  expect(crdFindings({ from: "1.20.2", to: "1.19.7" }, { states: undefined })).toMatchObject([
    { id: "crd-removed" },
  ]);
});

test("what a phase changed in stored versions", () => {
  expect(crdChanges(nodeConfigs("v2"), nodeConfigs("v2"))).toEqual([]);
  expect(crdChanges(nodeConfigs("v2"), [])).toEqual([
    "ciliumnodeconfigs.cilium.io: stored versions v2 before, none after",
  ]);
});

test("a list of some CRDs says nothing of the others; a whole one does", () => {
  const move = { from: "1.19.7", to: "1.20.0" };
  const some = [{ name: "ciliumcidrgroups.cilium.io", stored: ["v2"] }];
  expect(crdFindings(move, { states: some })).toMatchObject([{ grade: "caution" }]);
  const whole = ["ciliumnodes", "ciliumidentities"].map((n) => ({ name: `${n}.cilium.io`, stored: ["v2"] }));
  expect(crdFindings(move, { states: whole })).toEqual([]);
});

test("a kind of a feature that is off is not named", () => {
  const move = { from: "1.18.11", to: "1.19.7" };
  expect(crdFindings(move, { states: undefined, config: {} })).toEqual([]);
  expect(
    crdFindings(move, { states: undefined, config: { "enable-bgp-control-plane": "true" } }),
  ).toMatchObject([{ id: "crd-removed", message: expect.stringContaining("ciliumbgppeeringpolicies") }]);
});

test("an object whose kind or version the target does not have is named", () => {
  const object = (kind: string, version: string) => ({
    apiVersion: `cilium.io/${version}`,
    kind,
    metadata: { name: "x" },
  });
  const on = { "enable-bgp-control-plane": "true" };
  const policy = object("CiliumBGPPeeringPolicy", "v2alpha1");
  const up = { from: "1.18.11", to: "1.19.7" };
  expect(objectFindings(up, [policy], on)).toMatchObject([
    { id: "crd-removed", grade: "serious", remedy: expect.stringContaining("CiliumBGPClusterConfig") },
  ]);
  expect(objectFindings(up, [policy], {})).toMatchObject([{ grade: "caution" }]);
  const nodeConfig = object("CiliumNodeConfig", "v2alpha1");
  expect(objectFindings({ from: "1.19.7", to: "1.20.0" }, [nodeConfig], {})).toMatchObject([
    { grade: "caution", remedy: "write apiVersion: cilium.io/v2 in its manifest" },
  ]);
  expect(objectFindings({ from: "1.19.7", to: "1.20.2" }, [nodeConfig], {})).toMatchObject([
    { id: "deprecated", grade: "information", remedy: "write apiVersion: cilium.io/v2 in its manifest" },
  ]);
  const pool = object("CiliumLoadBalancerIPPool", "v2alpha1");
  expect(objectFindings({ from: "1.18.6", to: "1.18.11" }, [pool], {})).toEqual([]);
  expect(objectFindings(up, [pool], {})).toMatchObject([{ id: "deprecated" }]);
  expect(objectFindings(up, [object("CiliumNetworkPolicy", "v2"), { metadata: { name: "y" } }], on)).toEqual(
    [],
  );
});

test("without the version that runs, what the target does not have is named all the same", () => {
  const move = { from: undefined, to: "1.20.0" };
  expect(crdFindings(move, { states: nodeConfigs("v2alpha1") })).toMatchObject([
    { id: "crd-stored-version", grade: "serious" },
  ]);
  expect(crdFindings(move, { states: undefined })).toEqual([]);
  const of = (kind: string, version: string) => [
    { apiVersion: `cilium.io/${version}`, kind, metadata: { name: "x" } },
  ];
  const bgp = { "enable-bgp-control-plane": "true" };
  expect(objectFindings(move, of("CiliumBGPPeeringPolicy", "v2alpha1"), bgp)).toMatchObject([
    { id: "crd-removed", grade: "serious" },
  ]);
  expect(objectFindings(move, of("CiliumNodeConfig", "v2alpha1"), {})).toHaveLength(1);
  expect(objectFindings(move, of("CiliumNodeConfig", "v9"), {})).toEqual([]);
});
