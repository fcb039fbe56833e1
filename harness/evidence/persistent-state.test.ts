import { expect, test } from "vitest";
import type { KubeObject } from "#harness/kube/kube.ts";
import { twinsOf } from "./persistent-state.ts";

const identity = (name: string, labels: Record<string, string>): KubeObject =>
  ({ metadata: { name }, "security-labels": labels }) as unknown as KubeObject;

test("identities with the same labels are twins, in whatever order their labels stand", () => {
  const app = { "k8s:app": "echo", "k8s:io.kubernetes.pod.namespace": "ns" };
  const turned = { "k8s:io.kubernetes.pod.namespace": "ns", "k8s:app": "echo" };
  expect(
    twinsOf([identity("78566", turned), identity("69575", app), identity("65600", { "k8s:app": "other" })]),
  ).toEqual({ "69575": ["78566"], "78566": ["69575"] });
  expect(twinsOf([])).toEqual({});
});
