import { expect, test } from "vitest";
import { crdPreflight, storedVersionFindings } from "./crd-preflight.ts";

const crds = (...stored: string[]) => new Map([["east", [{ name: "ciliumnodeconfigs.cilium.io", stored }]]]);
const back = { rollsBack: true };

test("an upgrade that the API server would refuse stops before anything moves, with the cluster and what to do", () => {
  expect(() => crdPreflight(crds("v2alpha1"), { from: "1.19.7", to: "1.20.0" }, back)).toThrow(
    expect.objectContaining({
      code: "config-conflict",
      message: expect.stringMatching(/^east: ciliumnodeconfigs.*v2alpha1/),
      remedy: expect.stringContaining("storedVersions"),
    }),
  );
  expect(crdPreflight(crds("v2alpha1", "v2"), { from: "1.19.7", to: "1.20.2" }, back)).toEqual([]);
});

test("stored versions that the upgrade changed are information; a cluster that was not read is an error", () => {
  expect(storedVersionFindings(crds("v2alpha1"), crds("v2alpha1", "v2"))).toMatchObject([
    { grade: "information", message: expect.stringContaining("v2alpha1 before, v2alpha1, v2 after") },
  ]);
  expect(() => storedVersionFindings(crds("v2"), new Map())).toThrow("CRDs of east");
});
