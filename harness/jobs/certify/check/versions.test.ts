import { describe, expect, test } from "vitest";
import { check, of, policyOf } from "./check-examples.ts";

describe("defects that no test shows", () => {
  test("are serious where a setting makes them show, and the release with the fix is named", async () => {
    const values = { clustermesh: { useAPIServer: true, enableEndpointSliceSynchronization: true } };
    const report = await check({ from: "1.18.11", to: "1.19.3" }, { values });
    expect(of(report, "defect-in-target")).toContainEqual(
      expect.objectContaining({
        grade: "serious",
        message: expect.stringMatching(
          /^a: .*cilium-45396.*concerns setting clustermesh-enable-endpoint-sync/,
        ),
        remedy: expect.stringContaining("choose 1.19.4"),
      }),
    );
  });

  test("a setting that the new chart forces makes one show", async () => {
    const values = { gatewayAPI: { enabled: true }, kubeProxyReplacement: true };
    const report = await check({ from: "1.19.7", to: "1.20.2" }, { values });
    expect(of(report, "defect-in-target").map((f) => f.message)).toContainEqual(
      expect.stringContaining("cilium-48104"),
    );
    // Which backend a NodePort has was the socket's choice before.
    expect(of(report, "feature-changes").map((f) => f.message)).not.toContainEqual(
      expect.stringContaining("NodePorts"),
    );
  });

  test("a release on the way that has some is named with them", async () => {
    const [found] = of(await check({ from: "1.18.11", to: "1.20.2" }), "versions-apart");
    expect(found?.remedy).toMatch(/by way of 1\.19\.7 \(which has known defects: .*cilium-48015/);
  });
});

test("without the version that runs, kinds and policies that the target refuses are named, and what is left out is", async () => {
  const bgp = {
    apiVersion: "cilium.io/v2alpha1",
    kind: "CiliumBGPPeeringPolicy",
    metadata: { name: "bgp" },
    spec: {},
  };
  const policy = policyOf("tunnel", { endpointSelector: {}, ingress: [{ fromEntities: ["cluster-mesh"] }] });
  const newer = await check(
    { to: "1.20.2" },
    { values: { bgpControlPlane: { enabled: true } }, objects: [bgp] },
  );
  expect(of(newer, "crd-removed")).toMatchObject([{ grade: "serious" }]);
  expect(newer.unread[0]?.message).toContain("settings, flags, CRDs, policies and features");
  expect(of(await check({ to: "1.19.7" }, { objects: [policy] }), "policy-changes-meaning")).toMatchObject([
    { message: expect.stringContaining("loses its effect: Cilium refuses it: Cilium before 1.20") },
  ]);
});

test("the MCS API whose CRDs the operator does not install needs them in the target's version", async () => {
  const values = { clustermesh: { useAPIServer: true, mcsapi: { enabled: true, installCRDs: false } } };
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "serviceexports.multicluster.x-k8s.io" },
    spec: { versions: [{ name: "v1alpha1" }] },
  };
  const report = await check({ from: "1.19.7", to: "1.20.2" }, { values, objects: [crd] });
  expect(of(report, "crd-missing").map((f) => f.grade)).toEqual(["serious", "caution"]);
});

test("a value that asked for what the older version does anyway is information", async () => {
  const values = { envoy: { xdsMode: "split" } };
  expect(of(await check({ from: "1.20.2", to: "1.19.7" }, { values }), "value-ignored")).toMatchObject([
    { grade: "information", message: expect.stringContaining("nothing is lost") },
  ]);
});
