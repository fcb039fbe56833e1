import { describe, expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, east, healthyMesh, meshWith, ok, remote, west } from "./healthy-mesh.ts";

const copy = ["https://clustermesh-apiserver.kube-system.svc:2379"];
const unanswered =
  "Cannot establish TCP connection to 172.21.0.7:32379: dial tcp 172.21.0.7:32379: connect: no route to host";

/** A cluster with an entry for north too, and what its KVStoreMesh makes of it. */
const withNorth = (
  [peer, id]: readonly [string, number],
  { step = unanswered, connected = false }: { step?: string | undefined; connected?: boolean } = {},
): Partial<ClusterSnapshot> => ({
  peers: ok({
    agents: { [peer]: copy, north: copy },
    kvstoreMesh: {
      [peer]: [`https://${peer}.mesh.cilium.io:32379`],
      north: ["https://north.mesh.cilium.io:32379"],
    },
  }),
  kvstoreMesh: ok([remote(peer, id), { ...remote("north", 3, connected), connected }]),
  kvstoreMeshTrouble: ok(connected ? [] : [{ peer: "north", step }]),
});
const both = (of: Parameters<typeof withNorth>[1] = {}) =>
  meshWith(withNorth(["west", 2], of), withNorth(["east", 1], of));
const ids = (...of: Parameters<typeof causesOf>): (string | undefined)[] => causesOf(...of).map((f) => f.id);

describe("a cluster that no other reaches and that was not given", () => {
  test("is one finding before those of each cluster, with its removal", () => {
    const found = causesOf(both());
    expect(found.map((f) => f.id)).toEqual(["peer-lost", "peer-unreachable", "peer-unreachable"]);
    expect(found[0]).toMatchObject({
      severity: "broken",
      subject: "cluster north",
      message: `no cluster reaches north: KVStoreMesh of east and KVStoreMesh of west do not (${unanswered}), and no data of north was supplied, so it is down or cut off from all of them, or it is gone and they still have its entry`,
      next: expect.stringMatching(
        /^if north is gone for good: remove it from clustermesh\.config\.clusters in the Helm values of east and west/,
      ),
    });
    expect(found[1]?.next).toMatch(
      /; if north is gone for good: remove it from clustermesh\.config\.clusters of east$/,
    );
  });

  test("by a name that does not resolve, or by agents that read it themselves", () => {
    const step = "Cannot resolve hostname: lookup north.mesh.cilium.io: no such host";
    expect(ids(both({ step }))).toEqual(["peer-lost", "peer-name-unresolved", "peer-name-unresolved"]);
    const direct = (of: ClusterSnapshot, peer: string): Partial<ClusterSnapshot> => ({
      peers: ok({ agents: { [peer]: ["https://p:32379"], north: ["https://n:32379"] }, kvstoreMesh: {} }),
      kvstoreMesh: ok([]),
      agents: of.agents.map((a) => ({
        ...a,
        remotes: ok([remote(peer, 1), remote("north", 3, false)]),
        trouble: ok([{ peer: "north", step: unanswered }]),
      })),
    });
    const [first] = causesOf(meshWith(direct(east, "west"), direct(west, "east")));
    expect(first).toMatchObject({
      id: "peer-lost",
      message: expect.stringContaining("the agents of east and the agents of west do not"),
    });
  });
});

describe("no cluster is lost", () => {
  test("that one of them reaches, or that answers", () => {
    const one = meshWith(withNorth(["west", 2]), withNorth(["east", 1], { connected: true }));
    expect(ids(one)).toEqual(["peer-unreachable"]);
    const step = "Cannot establish TLS connection to x: remote error: tls: expired certificate";
    expect(ids(both({ step }))).not.toContain("peer-lost");
    expect(ids(healthyMesh)).toEqual([]);
  });

  test("where only one cluster was given, but its removal is named", () => {
    const { clusters } = both();
    const found = causesOf({ clusters: clusters.slice(0, 1) });
    expect(found.map((f) => f.id)).toEqual(["peer-unreachable"]);
    expect(found[0]?.next).toContain("if north is gone for good");
  });
});
