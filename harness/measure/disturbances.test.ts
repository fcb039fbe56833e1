import { expect, test } from "vitest";
import type { ClusterNode } from "#harness/cluster/node.ts";
import { nodeToReboot } from "./disturbances.ts";

const node = (name: string, role: ClusterNode["role"] = "worker") => ({
  ...({ kind: "kind", name, container: name, role, address: "172.18.0.2" } as const),
  ...{ running: true, state: "running" },
});
const cluster = (...nodes: ReturnType<typeof node>[]) => ({ name: "east", nodes: async () => nodes });

test("the node to reboot carries neither servers nor clients of the continuous traffic", async () => {
  const realistic = cluster(
    node("east-control-plane", "control-plane"),
    node("east-worker"),
    node("east-worker2"),
  );
  expect(await nodeToReboot(realistic)).toBe("east-worker");
});

test("a lab without such a node is refused with a remedy", async () => {
  await expect(
    nodeToReboot(cluster(node("east-control-plane", "control-plane"), node("east-worker"))),
  ).rejects.toMatchObject({ code: "usage", remedy: expect.stringContaining("kind-configs/realistic") });
});
