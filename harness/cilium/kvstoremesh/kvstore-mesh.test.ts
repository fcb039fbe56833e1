import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { apiserverPods } from "./kvstore-mesh.ts";

test("every replica of clustermesh-apiserver that is there, in a fixed order", async () => {
  const pods = [
    { metadata: { name: "b" }, status: { phase: "Running" } },
    { metadata: { name: "gone", deletionTimestamp: "2026-11-21T10:00:00Z" }, status: { phase: "Running" } },
    { metadata: { name: "evicted" }, status: { phase: "Failed" } },
    { metadata: { name: "a" }, status: { phase: "Running" } },
  ];
  const cluster = { name: "c1", kube: { list: () => Promise.resolve(pods) } } as unknown as Cluster;
  expect(await apiserverPods(cluster)).toEqual(["a", "b"]);
});
