import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { globalAmong } from "./truth.ts";

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
