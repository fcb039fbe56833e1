import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { found } from "#harness/lib/found.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState } from "#harness/model/shared-state.ts";
import type { IpcacheEntry } from "#harness/model/snapshot.ts";
import { describeDifference } from "./compare.ts";
import { exampleMesh } from "./example-mesh.ts";
import { meshDifferences } from "./mesh-differences.ts";

const size = { nodes: 2, pods: 6, services: 2 };
const sentences = (mesh: MeshSnapshot): string[] => meshDifferences(mesh).differences.map(describeDifference);

const clusterOf = (mesh: MeshSnapshot, name: string): ClusterSnapshot =>
  found(
    mesh.clusters.find((c) => c.name === name),
    name,
  );

/** The mesh with one cluster changed. */
const withCluster = (
  name: string,
  change: (c: ClusterSnapshot) => Partial<ClusterSnapshot>,
): MeshSnapshot => ({
  clusters: exampleMesh(size).clusters.map((c) => (c.name === name ? { ...c, ...change(c) } : c)),
});

const withKvstore = (name: string, change: (k: KvstoreState) => Partial<KvstoreState>): MeshSnapshot =>
  withCluster(name, ({ kvstore }) => {
    if (kvstore?.ok !== true) throw new Error("the example has a kvstore");
    return { kvstore: { ok: true, value: { ...kvstore.value, ...change(kvstore.value) } } };
  });

const withAgent = (node: string, change: (a: AgentState) => Partial<AgentState>): MeshSnapshot =>
  withCluster("east", ({ agents }) => ({
    agents: agents.map((a) => (a.node === node ? { ...a, ...change(a) } : a)),
  }));

const withEntry = (cidr: string, change: (e: IpcacheEntry) => IpcacheEntry[]): MeshSnapshot =>
  withAgent("east-1", ({ ipcache }) => ({
    ipcache: {
      ok: true,
      value: (ipcache.ok ? ipcache.value : []).flatMap((e) => (e.cidr === cidr ? change(e) : [e])),
    },
  }));

test("a healthy mesh of any size has no differences, and all of it is compared", () => {
  fc.assert(
    fc.property(
      fc.record({
        nodes: fc.integer({ min: 1, max: 5 }),
        pods: fc.integer({ min: 1, max: 30 }),
        services: fc.integer({ min: 0, max: 6 }),
      }),
      (any) => {
        expect(meshDifferences(exampleMesh(any))).toEqual({ differences: [], unread: [] });
      },
    ),
    { numRuns: 30 },
  );
});

describe("one entry that is lost or wrong is named where it is, and nowhere else", () => {
  const pod = "10.2.0.3";

  test("in the own kvstore: the agents have what they were told", () => {
    const lost = withKvstore("west", (k) => ({
      own: { ...k.own, addresses: k.own.addresses.filter((a) => a.ip !== pod) },
    }));
    const later = {
      clusters: lost.clusters.map((c) =>
        c.name === "west" ? c : withoutAddress(clusterOf(exampleMesh(size), "east"), pod),
      ),
    };
    expect(sentences(later)).toEqual([
      "the kvstore of west lacks address 10.2.0.3, which pod shop/pod-0 of west has",
    ]);
  });

  test("in the copy of KVStoreMesh", () => {
    const mesh = withCluster("east", (c) => withoutAddress(c, pod));
    expect(sentences(mesh)).toEqual([
      "the copy of west's data in the kvstore of east lacks address 10.2.0.3, which pod shop/pod-0 of west has",
    ]);
  });

  test("in one agent's map: missing, another identity, another node", () => {
    expect(sentences(withEntry(`${pod}/32`, () => []))).toEqual([
      "the ipcache of east/east-1 lacks address 10.2.0.3, which pod shop/pod-0 of west has",
    ]);
    expect(sentences(withEntry(`${pod}/32`, (e) => [{ ...e, identity: 2 }]))).toEqual([
      "the ipcache of east/east-1 has identity 2 for address 10.2.0.3 (pod shop/pod-0 of west), not 131372",
    ]);
    expect(sentences(withEntry(`${pod}/32`, (e) => [{ ...e, tunnelEndpoint: "172.18.2.2" }]))).toEqual([
      "the ipcache of east/east-1 has tunnel endpoint 172.18.2.2 for address 10.2.0.3 (pod shop/pod-0 of west), not 172.18.2.1",
    ]);
  });

  test("an address that no pod has: in a map, in a kvstore, and as an endpoint", () => {
    const ghost = { cidr: "10.2.1.250/32", identity: 131372, tunnelEndpoint: "172.18.2.2" };
    expect(sentences(withEntry(`${pod}/32`, (e) => [e, ghost]))).toEqual([
      "the ipcache of east/east-1 holds address 10.2.1.250 (identity 131372), which nothing of west has",
    ]);
    const planted = withKvstore("east", (k) => ({
      own: {
        ...k.own,
        addresses: [
          ...k.own.addresses,
          { ip: "10.1.1.250", identity: 65836, hostIp: "172.18.1.2", namespace: "shop", pod: "ghost" },
        ],
      },
    }));
    expect(sentences(planted)).toContain(
      "the kvstore of east holds address 10.1.1.250, which nothing of east has",
    );
    const endpoint = withCluster("west", ({ pods }) => ({
      pods: { ok: true, value: (pods.ok ? pods.value : []).filter((p) => p.ip !== pod) },
    }));
    expect(sentences(endpoint)).toEqual([
      "the API server of west holds CiliumEndpoint shop/pod-0 (10.2.0.3), which nothing of west has",
    ]);
  });

  test("identities, services and nodes of the own kvstore", () => {
    const planted = withKvstore("east", (k) => ({
      own: {
        ...k.own,
        identities: [...k.own.identities, { id: 131070, labels: ["k8s:planted=x"] }],
        services: k.own.services.map((s) => ({ ...s, backends: {} })).slice(0, 1),
        nodes: k.own.nodes.slice(1),
      },
    }));
    const own = sentences(planted).filter((s) => s.startsWith("the kvstore of east"));
    expect(own).toEqual([
      "the kvstore of east lacks node east/east-0, which CiliumNode east-0 of east has",
      "the kvstore of east holds identity 131070, which nothing of east has",
      expect.stringMatching(
        /^the kvstore of east has backends none for service east\/shop\/app-0 \(service shop\/app-0 of east\), not 10\.1\.0\.3:8080/,
      ),
      "the kvstore of east lacks service east/shop/app-1, which service shop/app-1 of east has",
    ]);
  });

  test("nodes without an agent", () => {
    const mesh = withCluster("east", ({ agents }) => ({ agents: agents.slice(1) }));
    expect(sentences(mesh)).toEqual(["the API server of east lacks agent of node east-0"]);
  });

  test("a copy that does not exist is one difference, and its agents are not judged by it", () => {
    const mesh = withKvstore("east", () => ({ caches: { other: emptyState } }));
    expect(sentences(mesh)).toEqual(["the copy of west's data in the kvstore of east lacks cluster west"]);
  });
});

test("what was not read is told, and judges nothing", () => {
  const mesh = withCluster("west", () => ({
    ciliumEndpoints: { ok: false, why: "it took too long" },
    kvstore: { ok: false, why: "does not answer" },
  }));
  const { differences, unread } = meshDifferences(mesh);
  expect(differences).toEqual([]);
  expect(unread).toEqual([
    "what west exports as address: an object that decides it was not read",
    "kvstore of west: does not answer",
  ]);
});

test("pods that begin or end, and endpoints that changed meanwhile, are neither missing nor stale", () => {
  const mesh = withCluster("west", ({ pods, ciliumEndpoints }) => ({
    pods: { ok: true, value: (pods.ok ? pods.value : []).map((p) => ({ ...p, ready: false })) },
    ciliumEndpoints: {
      ok: true,
      value: (ciliumEndpoints.ok ? ciliumEndpoints.value : []).filter((e) => e.ip !== "10.2.0.3"),
    },
    changing: { ok: true, value: ["10.2.0.3"] },
  }));
  expect(sentences(mesh)).toEqual([]);
});

const emptyState = { nodes: [], addresses: [], identities: [], services: [], slices: [], exports: [] };

/** A cluster whose copy of west, and whose agents, lack an address. */
function withoutAddress(cluster: ClusterSnapshot, ip: string): ClusterSnapshot {
  const { kvstore, agents } = cluster;
  if (kvstore?.ok !== true) throw new Error("the example has a kvstore");
  const { west = emptyState } = kvstore.value.caches;
  const addresses = west.addresses.filter((a) => a.ip !== ip);
  return {
    ...cluster,
    kvstore: { ok: true, value: { ...kvstore.value, caches: { west: { ...west, addresses } } } },
    agents: agents.map((a) => ({
      ...a,
      ipcache: {
        ok: true,
        value: (a.ipcache.ok ? a.ipcache.value : []).filter((e) => e.cidr !== `${ip}/32`),
      },
    })),
  };
}
