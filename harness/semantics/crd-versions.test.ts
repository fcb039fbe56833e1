import { expect, test } from "vitest";
import { crdChanges, crdFindings } from "./crd-versions.ts";

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
