import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { crdStates } from "./crd-states.ts";
import { installedValues } from "./installed-values.ts";

const kubeOf = (...objects: KubeObject[]) => ({ kube: { list: async () => objects } });
const release = (version: number, config: object | null): KubeObject => {
  const packed = gzipSync(JSON.stringify({ name: "cilium", version, config })).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `sh.helm.release.v1.cilium.v${version}`, namespace: "kube-system" },
    data: { release: Buffer.from(packed).toString("base64") },
  };
};

test("the values of the newest release, as Helm stores them", async () => {
  const values = { cluster: { name: "east", id: 1 } };
  expect(await installedValues(kubeOf(release(2, values), release(1, {})))).toEqual(values);
  expect(await installedValues(kubeOf(release(1, null)))).toEqual({});
});

test("without a release there are none, and a damaged one is an error", async () => {
  expect(await installedValues(kubeOf())).toBeUndefined();
  const damaged = { ...release(1, {}), data: { release: "eA==" } };
  await expect(installedValues(kubeOf(damaged))).rejects.toThrow();
});

const crd = (name: string, storedVersions?: string[]): KubeObject => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name },
  ...(storedVersions === undefined ? {} : { status: { storedVersions } }),
});

test("stored versions are those of Cilium's CRDs", async () => {
  const found = await crdStates(
    kubeOf(crd("ciliumnodes.cilium.io", ["v2"]), crd("gateways.gateway.networking.k8s.io", ["v1"])),
  );
  expect(found).toEqual([{ name: "ciliumnodes.cilium.io", stored: ["v2"] }]);
});

test("CRDs that a feature of Cilium needs count too, with all their versions", async () => {
  const name = "serviceexports.multicluster.x-k8s.io";
  const exported = {
    ...crd(name, ["v1alpha1"]),
    spec: { versions: [{ name: "v1alpha1" }, { name: "v1beta1" }] },
  };
  expect(await crdStates(kubeOf(exported))).toEqual([
    { name, stored: ["v1alpha1"], versions: ["v1alpha1", "v1beta1"] },
  ]);
});
