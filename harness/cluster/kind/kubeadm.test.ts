import { expect, test } from "vitest";
import { parse } from "yaml";
import { controlPlaneFlags, kubeadmPatches } from "./kubeadm.ts";

test("a tuned lab batches EndpointSlices and does not wait for the disk, in both formats of kubeadm", () => {
  expect(kubeadmPatches("tuned", "v1.15.0").map((p) => parse(p))).toEqual([
    {
      apiVersion: "kubeadm.k8s.io/v1beta3",
      kind: "ClusterConfiguration",
      etcd: { local: { extraArgs: { "unsafe-no-fsync": "true" } } },
      controllerManager: { extraArgs: { "endpointslice-updates-batch-period": "100ms" } },
      dns: { imageTag: "v1.15.0" },
    },
    {
      apiVersion: "kubeadm.k8s.io/v1beta4",
      kind: "ClusterConfiguration",
      etcd: { local: { extraArgs: [{ name: "unsafe-no-fsync", value: "true" }] } },
      controllerManager: { extraArgs: [{ name: "endpointslice-updates-batch-period", value: "100ms" }] },
      dns: { imageTag: "v1.15.0" },
    },
  ]);
});

test("an untuned lab has Kubernetes' defaults", () => {
  expect(controlPlaneFlags("untuned")).toEqual({});
  for (const patch of kubeadmPatches("untuned", undefined))
    expect(Object.keys(parse(patch))).toEqual(["apiVersion", "kind"]);
});
