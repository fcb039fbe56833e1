import { describe, expect, test } from "vitest";
import type { ClusterSnapshot, MeshSnapshot } from "#harness/model/mesh-snapshot.ts";
import { describeDifference } from "./compare.ts";
import { exampleMesh } from "./example-mesh.ts";
import { meshDifferences } from "./mesh-differences.ts";

const startMs = Date.UTC(2026, 10, 21, 10);
const minute = 60_000;

/** Archives: east was collected first, west some minutes later or earlier. */
function archives(westAfterMs: number, change: (c: ClusterSnapshot) => Partial<ClusterSnapshot>): string[] {
  const mesh: MeshSnapshot = {
    clusters: exampleMesh({ nodes: 2, pods: 6, services: 2 }).clusters.map((c) => ({
      ...c,
      collectedMs: { ok: true, value: startMs + (c.name === "west" ? westAfterMs : 0) },
      ...change(c),
    })),
  };
  return meshDifferences(mesh).differences.map(describeDifference);
}

/** East's agents do not have the first pod of west; its copy of the kvstore neither. */
const eastLacks = (ip: string) => (c: ClusterSnapshot) => {
  if (c.name !== "east") return {};
  return {
    kvstore: { ok: false, why: "not collected", absent: true } as const,
    agents: c.agents.map((a) => ({
      ...a,
      ipcache: a.ipcache.ok
        ? { ok: true as const, value: a.ipcache.value.filter((e) => e.cidr !== `${ip}/32`) }
        : a.ipcache,
    })),
  };
};

const lacking = ["east-0", "east-1"].map(
  (node) => `the ipcache of east/${node} lacks address 10.2.0.3, which pod shop/pod-0 of west has`,
);

test("an entry that is missing at once, or before the peer was read, is a difference", () => {
  expect(archives(10_000, eastLacks("10.2.0.3"))).toEqual(lacking);
  expect(archives(20 * minute, eastLacks("10.2.0.3"))).toEqual(lacking);
});

test("an endpoint that was created after the first archive was begun is none", () => {
  const change = (c: ClusterSnapshot) => ({
    ...eastLacks("10.2.0.3")(c),
    ...(c.name === "west" && c.ciliumEndpoints.ok
      ? {
          ciliumEndpoints: {
            ok: true as const,
            value: c.ciliumEndpoints.value.map((e) =>
              e.ip === "10.2.0.3" ? { ...e, createdMs: startMs + minute } : e,
            ),
          },
        }
      : {}),
  });
  expect(archives(20 * minute, change)).toEqual([]);
});

test("what the later archive lacks may be gone since, unless nothing at all arrived", () => {
  expect(archives(-20 * minute, eastLacks("10.2.0.3"))).toEqual([]);
  const nothing = (c: ClusterSnapshot) => {
    if (c.name !== "east") return {};
    return {
      kvstore: { ok: false, why: "not collected", absent: true } as const,
      agents: c.agents.map((a) => ({
        ...a,
        nodeList: a.nodeList.ok
          ? { ok: true as const, value: a.nodeList.value.filter((n) => n.name.startsWith("east/")) }
          : a.nodeList,
      })),
    };
  };
  expect(archives(-20 * minute, nothing)).toHaveLength(4);
});

test("objects that changed while the mesh was read are no differences", () => {
  const change = (c: ClusterSnapshot) => ({
    ...eastLacks("10.2.0.3")(c),
    changing: { ok: true as const, value: c.name === "west" ? ["10.2.0.3"] : [] },
  });
  expect(archives(0, change)).toEqual([]);
});

describe("an endpoint that came or went while one archive was made", () => {
  /** West's first pod was replaced: its API server still has the old address, all that was read later the new one. */
  const rolled = (told: (c: ClusterSnapshot) => Partial<ClusterSnapshot>): string[] => {
    const mesh = exampleMesh({ nodes: 2, pods: 6, services: 2 });
    const text = JSON.stringify(mesh, (_, v: unknown) => (v instanceof Map ? { entries: [...v] } : v));
    const later = JSON.parse(text.replaceAll(/\b10\.2\.0\.3\b/g, "10.2.0.99"), (_, v: unknown) =>
      isEntries(v) ? new Map(v.entries) : v,
    ) as MeshSnapshot;
    const clusters = mesh.clusters.map((c, i) => {
      const { agents, kvstore } = later.clusters[i] ?? c;
      const read = { ...c, agents, ...(kvstore === undefined ? {} : { kvstore }) };
      return {
        ...read,
        collectedMs: { ok: true as const, value: startMs },
        ...(c.name === "west" ? told(read) : {}),
      };
    });
    return meshDifferences({ clusters }).differences.map(describeDifference);
  };
  const isEntries = (v: unknown): v is { entries: [unknown, unknown][] } =>
    typeof v === "object" && v !== null && Object.keys(v).join() === "entries";

  test("is a difference at every step if nothing tells that it moved", () => {
    expect(rolled(() => ({})).length).toBeGreaterThan(4);
  });

  test("is none if an agent logged it after the archive was begun", () => {
    const changes = (atMs: number) => ({
      endpointChanges: { ok: true as const, value: ["10.2.0.3", "10.2.0.99"].map((ip) => ({ ip, atMs })) },
    });
    expect(rolled(() => changes(startMs + minute))).toEqual([]);
    expect(rolled(() => changes(startMs - minute)).length).toBeGreaterThan(4);
  });

  test("is none if the list of endpoints is newer than that of pods", () => {
    expect(
      rolled(({ ciliumEndpoints }) => ({
        ciliumEndpoints: ciliumEndpoints.ok
          ? {
              ok: true as const,
              value: ciliumEndpoints.value.map((e) =>
                e.ip === "10.2.0.3"
                  ? {
                      ...e,
                      name: e.name.replace(/[^-]*$/, "zz"),
                      ip: "10.2.0.99",
                      createdMs: startMs + minute,
                    }
                  : e,
              ),
            }
          : ciliumEndpoints,
      })),
    ).toEqual([]);
  });
});
