import { expect, test } from "vitest";
import type { ClusterSnapshot } from "#harness/model/mesh-snapshot.ts";
import { causesOf, meshWith, ok } from "./healthy-mesh.ts";

const found = (versions: Readonly<Record<string, string[]>>) => {
  const over: Partial<ClusterSnapshot> = { programVersions: ok({ ...versions }) };
  return causesOf(meshWith({}, over)).map((f) => [f.id, f.severity, f.message]);
};

test("clustermesh-apiserver of another minor release than the agents is suspect", () => {
  expect(
    found({
      "cilium-agent": ["1.19.1"],
      "cilium-operator": ["1.19.4"],
      apiserver: ["1.16.5"],
      kvstoremesh: ["1.16.5"],
    }),
  ).toEqual([
    [
      "program-versions-apart",
      "suspect",
      "Cilium's programs of west are of different minor releases: clustermesh-apiserver 1.16.5, KVStoreMesh 1.16.5, and its agents 1.19.1",
    ],
  ]);
});

test("another patch release, an upgrade under way, and images without a version are no finding", () => {
  expect(found({ "cilium-agent": ["1.19.1"], apiserver: ["1.19.4"], "cilium-operator": ["1.19.1"] })).toEqual(
    [],
  );
  expect(found({ "cilium-agent": ["1.18.6", "1.19.1"], apiserver: ["1.18.6"] })).toEqual([]);
  expect(found({ "cilium-agent": [], apiserver: ["1.16.5"], "cilium-operator": [] })).toEqual([]);
});
