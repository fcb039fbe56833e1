import { expect, test } from "vitest";
import { estimateSpace, firstSpace } from "./space.ts";

const gib = 1024 ** 3;
const key = "0123456789abcdef";
const pinned = { kind: ["v1.0.0"], helm: ["v1.0.0"], containerd: ["v1.0.0"], "cni-plugins": ["v1.0.0"] };
const wanted = { cilium: "1.20.2", kubernetes: "1.36.4", pinned };
const entry = (name: string, bytes: number, where: "cache" | "docker" = "cache") => ({
  ...{ where, name, bytes, pinned: true, usedBy: [] },
});
const tools = ["kind", "helm", "containerd", "cni-plugins"].map((n) => entry(`go/${n}-v1.0.0-${key}`, 1));
const roots = entry(`debian/node-bookworm-${key}`, 1);
const node = (version: string, bytes: number) =>
  entry(`meshproof/node:v1.36.4-cilium-${version}-${key}`, bytes, "docker");

test("from nothing, the documented estimates", () => {
  const { cacheBytes, dockerBytes } = estimateSpace([], wanted);
  const parts = Object.values(firstSpace.parts).reduce((a, b) => a + b, 0);
  expect(cacheBytes / gib).toBeCloseTo(parts + firstSpace.roots + firstSpace.compile);
  expect(dockerBytes).toBe((firstSpace.labVolumes + 2 * firstSpace.nodeImage) * gib);
});

test("the sizes of another version's builds replace the estimates", () => {
  const before = [
    ...tools,
    roots,
    entry(`go/kubernetes-v1.36.4-${key}`, 1),
    entry(`go/cilium-v1.19.4-${key}`, 2 * gib),
    entry(`go/cilium-operator-v1.19.4-${key}`, gib),
    node("1.19.4", gib),
  ];
  const { cacheBytes, dockerBytes, basis } = estimateSpace(before, wanted);
  expect(cacheBytes).toBe((3 + firstSpace.compile) * gib);
  expect(dockerBytes).toBe((firstSpace.labVolumes + 2) * gib);
  expect(basis).toContain("2 programs to compile, 2 of them of a measured size");
});

test("where everything is built, only the lab's volumes are left", () => {
  const all = [
    ...tools,
    roots,
    ...["cilium-v1.20.2", "cilium-operator-v1.20.2", "kubernetes-v1.36.4"].map((n) =>
      entry(`go/${n}-${key}`, 1),
    ),
    node("1.20.2", gib),
  ];
  expect(estimateSpace(all, wanted)).toMatchObject({
    cacheBytes: 0,
    dockerBytes: firstSpace.labVolumes * gib,
  });
});
