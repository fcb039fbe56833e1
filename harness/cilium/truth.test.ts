import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { globalAmong, isExported } from "./truth.ts";

const namespace = (name: string, value?: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    ...(value === undefined ? {} : { annotations: { "clustermesh.cilium.io/global": value } }),
  },
});

test("a namespace is global by its annotation, or by the cluster's default; one that is gone is not", () => {
  const all = [namespace("plain"), namespace("yes", "True"), namespace("no", "false"), namespace("odd", "1")];
  const names = ["plain", "yes", "no", "odd", "gone", undefined];
  expect(names.map(globalAmong(all, true))).toEqual([true, true, false, false, false, false]);
  expect(names.map(globalAmong(all, false))).toEqual([false, true, false, false, false, false]);
});

test.each([
  [{ "service.cilium.io/global": "true" }, true],
  [{ "service.cilium.io/global": "True", "service.cilium.io/shared": "TRUE" }, true],
  [{ "io.cilium/global-service": "true" }, true],
  [{ "service.cilium.io/global": "false", "io.cilium/global-service": "true" }, false],
  [{ "service.cilium.io/global": "true", "service.cilium.io/shared": "no" }, false],
  [{ "service.cilium.io/global": "true", "io.cilium/shared-service": "false" }, false],
  [{ "service.cilium.io/shared": "true" }, false],
  [{}, false],
])("a service with %j is exported: %s", (annotations, exported) => {
  expect(isExported(annotations)).toBe(exported);
});
