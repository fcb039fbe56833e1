import { expect, test } from "vitest";
import { namespaceState, nodeState, podState } from "./object-states.ts";

const object = (kind: string, conditions: readonly object[], deletionTimestamp?: string) => ({
  ...{ apiVersion: "v1", kind, status: { conditions } },
  metadata: { name: "x", ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
});

test("what is wrong with a node, and nothing of what is well or what other programs say", () => {
  const down = { type: "Ready", status: "False", reason: "KubeletNotReady", message: "runtime is down" };
  const full = { type: "DiskPressure", status: "True", reason: "KubeletHasDiskPressure", message: "m" };
  const others = [
    { type: "MemoryPressure", status: "False", reason: "a", message: "b" },
    { type: "PIDPressure", status: "Unknown", reason: "a", message: "b" },
    { type: "KernelDeadlock", status: "True", reason: "a", message: "b" },
  ];
  expect(nodeState(object("Node", [...others, full, down])).conditions).toEqual([full, down]);
  const well = { type: "Ready", status: "True", reason: "KubeletReady", message: "m" };
  expect(nodeState(object("Node", [...others, well]))).not.toHaveProperty("conditions");
});

test("since when a namespace is being deleted, and why that has not ended", () => {
  const failed = {
    ...{ type: "NamespaceDeletionDiscoveryFailure", status: "True", reason: "DiscoveryFailed" },
    message: "Discovery failed for some groups",
  };
  const passed = { type: "NamespaceContentRemaining", status: "False", reason: "a", message: "b" };
  expect(namespaceState(object("Namespace", [failed, passed], "2026-11-28T16:00:00Z"))).toEqual({
    ...{ name: "x", annotations: {}, ending: true, deletedMs: Date.parse("2026-11-28T16:00:00Z") },
    conditions: [failed],
  });
  expect(namespaceState(object("Namespace", []))).toEqual({ name: "x", annotations: {} });
});

test("since when a pod is ready", () => {
  const at = "2026-11-28T16:00:00Z";
  const ready = (status: string) =>
    podState({ ...object("Pod", [{ type: "Ready", status, lastTransitionTime: at }]), spec: {} });
  expect(ready("True").readySinceMs).toBe(Date.parse(at));
  expect(ready("False")).not.toHaveProperty("readySinceMs");
});
