import { expect, test } from "vitest";
import { crdStateOf, requiredCrdFindings } from "./required-crds.ts";

const up = { from: "1.19.7", to: "1.20.2" };
const after = { "clustermesh-enable-mcs-api": "true", "clustermesh-mcs-api-install-crds": "false" };
const crd = (kind: string, ...versions: string[]) => ({
  name: `${kind}.multicluster.x-k8s.io`,
  stored: ["v1alpha1"],
  versions,
});

test("CRDs without the version that the new operator needs are serious, those that were not read a caution", () => {
  const states = [crd("serviceexports", "v1alpha1"), crd("serviceimports", "v1alpha1", "v1beta1")];
  expect(requiredCrdFindings(up, after, states)).toMatchObject([
    {
      id: "crd-missing",
      grade: "serious",
      message: expect.stringMatching(/v1beta1 of serviceexports\S+ in Cilium 1\.20\.2, which the cluster/),
    },
  ]);
  expect(requiredCrdFindings(up, after)).toMatchObject([
    { grade: "caution", message: expect.stringMatching(/serviceexports\S+ and serviceimports.*not read/) },
  ]);
  expect(requiredCrdFindings(up, after, states.slice(1))).toMatchObject([
    { grade: "caution", message: expect.stringContaining("serviceexports") },
  ]);
});

test("in a whole list, a CRD that is not there does not exist", () => {
  const own = ["ciliumnodes", "ciliumidentities"].map((name) => ({
    name: `${name}.cilium.io`,
    stored: ["v2"],
  }));
  expect(requiredCrdFindings(up, after, own)).toMatchObject([{ grade: "serious" }]);
});

test("nothing where Cilium installs them, where they are right, or where the same version is needed", () => {
  const right = [crd("serviceexports", "v1beta1"), crd("serviceimports", "v1beta1")];
  expect(requiredCrdFindings(up, after, right)).toEqual([]);
  expect(requiredCrdFindings(up, { ...after, "clustermesh-mcs-api-install-crds": "true" })).toEqual([]);
  expect(requiredCrdFindings(up, {})).toEqual([]);
  expect(requiredCrdFindings({ from: "1.20.0", to: "1.20.2" }, after)).toEqual([]);
});

test("the way back needs the older version, and so does a version that runs and is not known", () => {
  const right = [crd("serviceexports", "v1beta1"), crd("serviceimports", "v1beta1")];
  expect(requiredCrdFindings({ from: "1.20.2", to: "1.19.7" }, after, right)).toMatchObject([
    { grade: "serious", message: expect.stringContaining("needs v1alpha1") },
  ]);
  expect(requiredCrdFindings({ from: undefined, to: "1.20.2" }, after)).toMatchObject([{ grade: "caution" }]);
});

test("of a CRD count its versions, with a status or without; others do not count", () => {
  const of = (name: string, more: object) => crdStateOf({ metadata: { name }, ...more });
  const spec = { versions: [{ name: "v1alpha1", served: true }] };
  expect(of("serviceexports.multicluster.x-k8s.io", { spec })).toEqual({
    name: "serviceexports.multicluster.x-k8s.io",
    stored: [],
    versions: ["v1alpha1"],
  });
  expect(of("ciliumnodes.cilium.io", { status: { storedVersions: ["v2"] } })).toEqual({
    name: "ciliumnodes.cilium.io",
    stored: ["v2"],
  });
  expect(of("tlsroutes.gateway.networking.k8s.io", { spec })).toBeUndefined();
});
