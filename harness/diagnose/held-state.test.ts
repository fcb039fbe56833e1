import { describe, expect, test } from "vitest";
import type { Finding } from "#harness/model/finding.ts";
import type { AgentState, ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import type { KvstoreState, SharedState } from "#harness/model/shared-state.ts";
import { exampleMesh } from "#harness/semantics/example-mesh.ts";
import { apiserverPod } from "./healthy-mesh.ts";
import { heldState } from "./held-state.ts";
import { leftovers } from "./leftovers.ts";
import { unread } from "./unread.ts";

const ok = <T>(value: T) => ({ ok: true as const, value });
const size = { nodes: 2, pods: 6, services: 2 };

function changed(name: string, change: (c: ClusterSnapshot) => Partial<ClusterSnapshot>): MeshSnapshot {
  return {
    clusters: exampleMesh(size).clusters.map((c) => (c.name === name ? { ...c, ...change(c) } : c)),
  };
}

/** West's own kvstore changed, and everything after it as it should follow. */
function westExports(change: (own: SharedState) => Partial<SharedState>): MeshSnapshot {
  const mesh = changed("west", ({ kvstore }) => {
    if (kvstore?.ok !== true) throw new Error("the example has a kvstore");
    const own = { ...kvstore.value.own, ...change(kvstore.value.own) };
    return { kvstore: ok({ ...kvstore.value, own }) };
  });
  const [, west] = mesh.clusters;
  const own = west?.kvstore?.ok === true ? west.kvstore.value.own : undefined;
  if (own === undefined) throw new Error("west has a kvstore");
  return {
    clusters: mesh.clusters.map((c) =>
      c.name === "east" && c.kvstore?.ok === true
        ? { ...c, kvstore: ok({ ...c.kvstore.value, caches: { west: own } }) }
        : c,
    ),
  };
}

const inEveryAgent = (
  mesh: MeshSnapshot,
  of: string,
  change: (a: AgentState) => Partial<AgentState>,
): MeshSnapshot => ({
  clusters: mesh.clusters.map((c) =>
    c.name === of ? { ...c, agents: c.agents.map((a) => ({ ...a, ...change(a) })) } : c,
  ),
});

const told = (found: readonly Finding[]): (readonly [string, string])[] =>
  found.map((f) => [f.message, f.next]);

const restartApiserver = "kubectl -n kube-system rollout restart deployment/clustermesh-apiserver";
const restartAgents = "kubectl -n kube-system rollout restart daemonset/cilium";

test("a healthy mesh has no finding", () => {
  const mesh = exampleMesh(size);
  expect([...heldState(mesh), ...leftovers(mesh)]).toEqual([]);
});

test("an address that the kvstore lost: the kvstore, not the agents, which hold what they were sent", () => {
  const lost = westExports(({ addresses }) => ({ addresses: addresses.filter((a) => a.ip !== "10.2.0.3") }));
  const mesh = inEveryAgent(lost, "east", ({ ipcache }) => ({
    ipcache: ipcache.ok ? ok(ipcache.value.filter((e) => e.cidr !== "10.2.0.3/32")) : ipcache,
  }));
  expect(told(heldState(mesh))).toEqual([
    ["the kvstore of west lacks address 10.2.0.3, which pod shop/pod-0 of west has", restartApiserver],
  ]);
});

test("an address under a wrong identity in one agent's ipcache: that agent", () => {
  const mesh = changed("east", ({ agents }) => ({
    agents: agents.map((a) =>
      a.node === "east-1" && a.ipcache.ok
        ? {
            ...a,
            ipcache: ok(a.ipcache.value.map((e) => (e.cidr === "10.2.0.3/32" ? { ...e, identity: 2 } : e))),
          }
        : a,
    ),
  }));
  expect(told(heldState(mesh))).toEqual([
    [
      "the ipcache of east/east-1 has identity 2 for address 10.2.0.3 (pod shop/pod-0 of west), not 131372",
      "kubectl -n kube-system delete pod -l k8s-app=cilium --field-selector spec.nodeName=east-1",
    ],
  ]);
});

test("the same entry in every agent is one finding", () => {
  const mesh = inEveryAgent(exampleMesh(size), "east", ({ ipcache }) => ({
    ipcache: ipcache.ok ? ok(ipcache.value.filter((e) => !/^10\.2\.0\.[345]\/32$/.test(e.cidr))) : ipcache,
  }));
  expect(told(heldState(mesh))).toEqual([
    [
      "east/east-0 and east/east-1: the ipcache lacks address 10.2.0.3 (pod shop/pod-0 of west), 10.2.0.4 (pod shop/pod-2 of west) and 10.2.0.5 (pod shop/pod-4 of west)",
      restartAgents,
    ],
  ]);
});

describe("entries that nothing in the cluster has are named where they are", () => {
  test.each<[string, (own: SharedState) => Partial<SharedState>, RegExp]>([
    [
      "an address",
      ({ addresses }) => ({
        addresses: [...addresses, ...addresses.slice(0, 1).map((a) => ({ ...a, ip: "10.2.0.99" }))],
      }),
      /^the kvstore of west holds address 10\.2\.0\.99, which nothing of west has$/,
    ],
    [
      "an identity",
      ({ identities }) => ({ identities: [...identities, { id: 196606, labels: ["k8s:planted=x"] }] }),
      /^the kvstore of west holds identity 196606, which nothing of west has$/,
    ],
    [
      "a service",
      ({ services }) => ({
        services: [
          ...services,
          ...services.slice(0, 1).map((s) => ({ ...s, name: "west/shop/planted", backends: {} })),
        ],
      }),
      /^the kvstore of west holds service west\/shop\/planted, which nothing of west has$/,
    ],
  ])("%s", (_, change, message) => {
    const [first] = heldState(westExports(change));
    expect(first).toMatchObject({ severity: "broken", next: restartApiserver });
    expect(first?.message).toMatch(message);
  });
});

test("leftovers in the API server are deleted there", () => {
  const mesh = changed("west", ({ ciliumNodes, ciliumEndpoints }) => ({
    ciliumNodes: ciliumNodes.ok
      ? ok([...ciliumNodes.value, { name: "west-9", podCidrs: ["10.2.9.0/24"], addresses: [] }])
      : ciliumNodes,
    ciliumEndpoints: ciliumEndpoints.ok
      ? ok([...ciliumEndpoints.value, { namespace: "shop", name: "gone", ip: "10.2.0.77", identity: 131372 }])
      : ciliumEndpoints,
  }));
  const found = told(heldState(mesh));
  expect(found).toContainEqual([
    "the API server of west holds CiliumNode west-9, which nothing of west has",
    "kubectl delete ciliumnode/west-9",
  ]);
  expect(found).toContainEqual([
    "the API server of west holds CiliumEndpoint shop/gone (10.2.0.77), which nothing of west has",
    "kubectl -n shop delete ciliumendpoint/gone",
  ]);
});

describe("replicas of clustermesh-apiserver, each with a kvstore of its own", () => {
  const [a, b] = ["clustermesh-apiserver-5f-aaaaa", "clustermesh-apiserver-5f-bbbbb"] as const;

  /** East has two; the first is changed. */
  const withReplicas = (change: (state: KvstoreState) => Partial<KvstoreState>): MeshSnapshot =>
    changed("east", ({ kvstore }) => {
      if (kvstore?.ok !== true) throw new Error("east has a kvstore");
      const bad = { ...kvstore.value, ...change(kvstore.value) };
      return {
        kvstore: ok(bad),
        kvstores: [
          { pod: a, state: bad },
          { pod: b, state: kvstore.value },
        ],
      };
    });

  test("one without the copy of a peer is named; agents that read the other are not", () => {
    expect(told(heldState(withReplicas(() => ({ caches: {} }))))).toEqual([
      [
        `the copy of west's data in the kvstore of east in ${a} lacks cluster west`,
        `kubectl -n kube-system delete pod/${a}`,
      ],
    ]);
  });

  test("one that lost an own entry is named; the peer that copied the other is not", () => {
    const mesh = withReplicas(({ own }) => ({
      own: { ...own, addresses: own.addresses.filter((e) => e.ip !== "10.1.0.3") },
    }));
    expect(told(heldState(mesh)).map(([message]) => message)).toEqual([
      `the kvstore of east in ${a} lacks address 10.1.0.3, which pod shop/pod-0 of east has`,
    ]);
  });

  test("an agent that lost what a replica has is named, also beside a bad replica", () => {
    const mesh = inEveryAgent(
      withReplicas(() => ({ caches: {} })),
      "east",
      ({ ipcache }) => ({
        ipcache: ipcache.ok ? ok(ipcache.value.filter((e) => e.cidr !== "10.2.0.3/32")) : ipcache,
      }),
    );
    expect(told(heldState(mesh)).map(([message]) => message)).toContainEqual(
      expect.stringMatching(/^east\/east-0 and east\/east-1: the ipcache lacks address 10\.2\.0\.3/),
    );
  });

  test("healthy ones: nothing", () => {
    expect(heldState(withReplicas(() => ({})))).toEqual([]);
  });
});

describe("leftovers", () => {
  const peers = (...names: string[]) => ({
    peers: ok({ agents: Object.fromEntries(names.map((n) => [n, []])), kvstoreMesh: {} }),
  });

  /** A copy of west's data under another name. */
  const withCopyOf = (name: string, kvstore: ClusterSnapshot["kvstore"]) => {
    const west = kvstore?.ok === true ? kvstore.value.caches.west : undefined;
    if (kvstore?.ok !== true || west === undefined) throw new Error("east has a copy of west's data");
    return ok({ ...kvstore.value, caches: { ...kvstore.value.caches, [name]: west } });
  };

  test("entries of a cluster that left the mesh", () => {
    const mesh = changed("east", (c) => ({
      ...peers("west"),
      kvstore: withCopyOf("north", c.kvstore),
      agents: c.agents.map((a) => ({
        ...a,
        nodeList: a.nodeList.ok
          ? ok([...a.nodeList.value, { name: "north/n1", addresses: [], podCidrs: [], healthIp: "" }])
          : a.nodeList,
      })),
    }));
    expect(told(leftovers(mesh))).toEqual([
      [
        "the kvstore of east holds a copy of cluster north's data, and east has no peer of that name: it left the mesh",
        restartApiserver,
      ],
      [
        "every agent of east holds entries of cluster north, for example node north/n1, and east has no peer of that name: it left the mesh",
        restartAgents,
      ],
    ]);
    expect(leftovers(changed("east", () => peers("west", "north")))).toEqual([]);
  });

  test("an identity that no endpoint uses counts only after the operator should have deleted it", () => {
    const nowMs = Date.UTC(2026, 10, 27, 12);
    const marked = (minutes: number) =>
      leftovers(
        changed("west", ({ ciliumIdentities }) => ({
          collectedMs: ok(nowMs),
          ciliumIdentities: ok([
            ...(ciliumIdentities?.ok === true ? ciliumIdentities.value : []),
            { id: 131999, labels: ["k8s:app=old"], markedMs: nowMs - minutes * 60_000 },
          ]),
        })),
      );
    expect(marked(55)).toEqual([]);
    expect(marked(180)).toMatchObject([
      {
        severity: "suspect",
        message: expect.stringContaining("identity 131999 of west is used by no endpoint"),
      },
    ]);
  });
});

describe("what is missing is unread", () => {
  const ofAgents = (mesh: MeshSnapshot): string[] =>
    unread(mesh)
      .map((f) => f.message)
      .filter((m) => /agent/.test(m) && !/health/.test(m));

  test("the data of one agent of two", () => {
    expect(ofAgents(changed("west", ({ agents }) => ({ agents: agents.slice(0, 1) })))).toEqual([
      "the data of the agent on node west-1 of west is missing: it is not judged",
    ]);
    expect(ofAgents(exampleMesh(size))).toEqual([]);
  });

  test("one file of an agent", () => {
    const absent = { ok: false, why: "agent-west-0-ipcache.json does not exist", absent: true } as const;
    const mesh = changed("west", ({ agents }) => ({
      agents: agents.map((a, i) => (i === 0 ? { ...a, ipcache: absent } : a)),
    }));
    expect(ofAgents(mesh)).toEqual([
      "ipcache, agent on west-0, of west could not be read: agent-west-0-ipcache.json does not exist",
    ]);
  });

  test("a kvstore that another cluster of this version or an older one has", () => {
    const absent = { ok: false, why: "the archive has no kvstore list", absent: true } as const;
    const runsApiserver = (c: ClusterSnapshot): Partial<ClusterSnapshot> => ({
      kvstore: absent,
      pods: ok([...(c.pods.ok ? c.pods.value : []), apiserverPod(2)]),
    });
    const of = (mesh: MeshSnapshot): string[] =>
      unread(mesh).flatMap((f) => (f.subject.startsWith("kvstore ") ? [f.message] : []));
    expect(of(changed("west", runsApiserver))).toEqual([
      "kvstore of west could not be read: the archive has no kvstore list",
    ]);
    expect(of(changed("west", (c) => ({ ...runsApiserver(c), ciliumVersion: ok("1.15.0") })))).toEqual([]);
    expect(of(changed("west", () => ({ kvstore: absent })))).toEqual([]);
  });

  test("the objects of a whole kind", () => {
    const absent = { ok: false, why: "namespaces.json does not exist", absent: true } as const;
    const found = unread(changed("west", () => ({ namespaces: absent })));
    // An archive does not change: a second look at it finds no more.
    expect(found.filter((f) => f.next.includes("run diagnose again"))).toEqual([]);
    const messages = found.map((f) => f.message);
    expect(messages).toContain(
      "it is not known what west exports as address: an object that decides it was not read",
    );
  });
});
