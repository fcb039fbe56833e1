import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState } from "#harness/model/shared-state.ts";
import type { RemoteClusterStatus } from "#harness/model/snapshot.ts";
import { causesOf, east, meshWith, ok, remote } from "./healthy-mesh.ts";
import { remedyCommands } from "./remedy-commands.ts";

const own = { nodes: [], addresses: [], identities: [], services: [], slices: [], exports: [] };
const kvstore = (...kinds: readonly string[]): Pick<ClusterSnapshot, "kvstore"> => ({
  kvstore: ok<KvstoreState>({
    ...{ own, caches: {}, configs: {}, malformed: [] },
    synced: kinds.map((kind) => `west/cilium/state/${kind}/v1`),
  }),
});
const partly: RemoteClusterStatus = {
  ...remote("west", 2),
  ...{ ready: false, status: "etcd: 1/1 connected" },
  synced: { nodes: true, endpoints: true, identities: true, services: false },
};
const waiting = {
  kvstoreMesh: ok([partly]),
  agents: east.agents.map((a) => ({ ...a, remotes: ok([partly]) })),
};
const found = (over: Partial<ClusterSnapshot>, byEast: Partial<ClusterSnapshot> = waiting) =>
  causesOf(meshWith(byEast, over)).filter((f) => f.id?.startsWith("peer-not"));

test("a peer whose kvstore does not say that its services are complete is at fault", () => {
  const [first, second, ...others] = found(kvstore("nodes", "ip", "identities"));
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    ...{ id: "peer-not-synchronised", severity: "broken", cluster: "west" },
    message:
      "KVStoreMesh of east is connected to west, and has not synchronised its services: the kvstore of west lacks cilium/synced/west/cilium/state/services/v1, so clustermesh-apiserver of west has not written all of them once",
  });
  const commands = first === undefined ? [] : remedyCommands(first, ["east", "west"]);
  expect(commands.map((c) => [c.cluster, c.text])).toEqual([
    ["west", "kubectl -n kube-system logs deployment/clustermesh-apiserver -c apiserver"],
    ["west", "kubectl -n kube-system rollout restart deployment/clustermesh-apiserver"],
  ]);
  expect(second).toMatchObject({
    ...{ id: "peer-not-synchronised", cluster: "east" },
    message: expect.stringContaining("KVStoreMesh of east, by which it reads, has not either"),
  });
});

test("where the marks are there, or were not read, only what is missing is named", () => {
  for (const over of [kvstore("nodes", "ip", "identities", "services"), {}]) {
    const [first] = found(over);
    expect(first?.cluster).toBe("east");
    expect(first?.message).toBe(
      "KVStoreMesh of east is connected to west, and has not synchronised its services",
    );
  }
});

test("one that is not connected is another finding", () => {
  expect(found(kvstore("nodes"), { kvstoreMesh: ok([remote("west", 2, false)]) })).toMatchObject([
    { id: "peer-not-ready" },
  ]);
});
