import { expect, test } from "vitest";
import type { ClusterSnapshot, PodState } from "#harness/model/mesh-snapshot.ts";
import { apiserverPod, causesOf, east, meshWith, ok, pod, west } from "./healthy-mesh.ts";

/** Its clustermesh-apiserver, without KVStoreMesh, or with it. */
const apiserver = (id: number, containers: readonly string[]): PodState =>
  apiserverPod(id, {
    containers: containers.map((name) => ({ name, ready: true, restarts: 0, trouble: "" })),
  });

/** A cluster without KVStoreMesh, whose agents connect to the peer themselves. */
const without = (of: ClusterSnapshot, id: number, peer: string): Partial<ClusterSnapshot> => ({
  peers: ok({ agents: { [peer]: [`https://${peer}.mesh.cilium.io:32379`] }, kvstoreMesh: {} }),
  pods: ok([
    pod({ name: `cart-${id}`, ip: `10.${id}.0.5`, node: `node-${id}` }),
    apiserver(id, ["etcd", "apiserver"]),
  ]),
  kvstoreMesh: ok([]),
  agents: of.agents.map((a) => ({
    ...a,
    remotes: ok(
      (a.remotes.ok ? a.remotes.value : []).map((r) => ({
        ...r,
        config: { ...r.config, kvstoreMesh: false },
      })),
    ),
  })),
});
const missing = (overEast: Partial<ClusterSnapshot>, overWest: Partial<ClusterSnapshot>): string[] =>
  causesOf(meshWith(overEast, overWest))
    .filter((f) => f.id === "peer-missing")
    .map((f) => f.subject);

test("a cluster without KVStoreMesh beside one with it is no fault, nor are two", () => {
  expect(causesOf(meshWith({}, without(west, 2, "east")))).toEqual([]);
  expect(causesOf(meshWith(without(east, 1, "west"), {}))).toEqual([]);
  expect(causesOf(meshWith(without(east, 1, "west"), without(west, 2, "east")))).toEqual([]);
});

test("whether its pods were read, or only what agents connect to, and with what its Secret still has", () => {
  const { pods: _, ...unread } = without(west, 2, "east");
  expect(missing({}, { ...unread, pods: { ok: false, why: "timed out" } })).toEqual([]);
  const { agents: __, ...older } = without(west, 2, "east");
  expect(missing({}, older)).toEqual([]);
  const stale = ok({
    agents: { east: ["https://east.mesh.cilium.io:32379"] },
    kvstoreMesh: { gone: ["https://gone:32379"] },
  });
  const found = causesOf(meshWith({}, { ...without(west, 2, "east"), peers: stale }));
  expect(found.map((f) => f.id)).not.toContain("peer-unknown");
});

test("its agents must have the peer, and those that read copies need KVStoreMesh", () => {
  const alone = { ...without(west, 2, "east"), peers: ok({ agents: {}, kvstoreMesh: {} }) };
  expect(missing({}, alone)).toEqual(["the agents of west"]);
  const copied = ok({
    agents: { east: ["https://clustermesh-apiserver.kube-system.svc:2379"] },
    kvstoreMesh: {},
  });
  expect(missing({}, { ...without(west, 2, "east"), peers: copied })).toEqual(["KVStoreMesh of west"]);
  expect(missing({}, { peers: copied })).toEqual(["KVStoreMesh of west"]);
});
