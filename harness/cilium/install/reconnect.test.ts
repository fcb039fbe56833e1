import { expect, test } from "vitest";
import type { Cluster } from "#harness/cluster/cluster.ts";
import { renewPods } from "./reconnect.ts";

/** A cluster that lists three pods and rejects the annotation of the second, which still exists if `exists`. */
function clusterWhere(exists: boolean): { cluster: Cluster; renewed: string[] } {
  const renewed: string[] = [];
  const kube = {
    list: async () => ["first", "second", "third"].map((name) => ({ metadata: { name } })),
    get: async () => (exists ? { metadata: { name: "second" } } : undefined),
    merge: async (_kind: unknown, _namespace: unknown, name: string) => {
      if (name === "second") throw new Error("refused");
      renewed.push(name);
    },
  };
  return { cluster: { kube } as unknown as Cluster, renewed };
}

test("a pod that ended after it was listed is skipped, and the others are renewed", async () => {
  const { cluster, renewed } = clusterWhere(false);
  await renewPods(cluster, "app=x", "now");
  expect(renewed).toEqual(["first", "third"]);
});

test("a pod that exists and cannot be renewed is an error", async () => {
  const { cluster } = clusterWhere(true);
  await expect(renewPods(cluster, "app=x", "now")).rejects.toThrow("refused");
});
