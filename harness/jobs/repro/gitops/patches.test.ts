import { describe, expect, test } from "vitest";
import { jsonPatch, strategicMerge } from "./patches.ts";

const release = {
  apiVersion: "helm.toolkit.fluxcd.io/v2",
  kind: "HelmRelease",
  metadata: { name: "cilium" },
  spec: { values: { cluster: { name: "x", id: 1 }, pools: ["a", "b"], old: true } },
};
const config = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cilium-config" },
  data: { a: "1", b: "2" },
};

describe("a strategic merge patch", () => {
  test("merges mappings, takes nulls away and replaces lists of other kinds", () => {
    const patch = { spec: { values: { cluster: { id: 2 }, pools: ["c"], old: null } } };
    expect(strategicMerge(release, patch)).toEqual({
      object: { ...release, spec: { values: { cluster: { name: "x", id: 2 }, pools: ["c"] } } },
    });
    expect(strategicMerge(config, { data: { b: null, c: "3" } })).toMatchObject({
      object: { data: { a: "1", c: "3" } },
    });
  });

  test("deletes and replaces by directive, and keeps what identifies the object", () => {
    expect(strategicMerge(config, { $patch: "delete" })).toEqual({});
    expect(strategicMerge(config, { data: { $patch: "replace", c: "3" } })).toEqual({
      object: { ...config, data: { c: "3" } },
    });
    expect(strategicMerge(release, { spec: { values: { cluster: { $patch: "delete" } } } })).toMatchObject({
      object: { spec: { values: { pools: ["a", "b"] } } },
    });
    expect(strategicMerge(config, { kind: "Secret", metadata: { name: "y" } })).toEqual({ object: config });
  });

  test.each([
    ["a list of a kind of Kubernetes", { spec: { ports: [{ port: 1 }] } }, "spec.ports"],
    ["an unknown directive", { data: { "$setElementOrder/x": [] } }, "data.$setElementOrder/x"],
  ])("is not applied if it has %s", (_, patch, place) => {
    expect(strategicMerge(config, patch)).toEqual({ why: expect.stringContaining(place) });
  });
});

describe("a JSON patch", () => {
  test("adds, replaces and removes, in mappings and lists, without changing the object it was given", () => {
    const before = structuredClone(release);
    const done = jsonPatch(release, [
      { op: "replace", path: "/spec/values/cluster/id", value: 2 },
      { op: "add", path: "/spec/values/pools/-", value: "c" },
      { op: "add", path: "/spec/values/pools/0", value: "z" },
      { op: "remove", path: "/spec/values/pools/1" },
      { op: "add", path: "/spec/values/a~1b", value: null },
      { op: "test", path: "/kind", value: "HelmRelease" },
    ]);
    expect(done).toMatchObject({
      object: { spec: { values: { cluster: { id: 2 }, pools: ["z", "b", "c"], "a/b": null } } },
    });
    expect(release).toEqual(before);
  });

  test.each([
    [{ op: "move", from: "/a", path: "/b" }, "move"],
    [{ op: "replace", path: "/spec/none", value: 1 }, "/spec/none does not exist"],
    [{ op: "add", path: "/spec/none/x", value: 1 }, "/spec/none/x does not exist"],
    [{ op: "add", path: "/spec/values/pools/9", value: 1 }, "does not exist"],
    [{ op: "add", value: 1 }, "no path"],
  ])("is not applied at all if an operation cannot be done: %o", (operation, why) => {
    const first = { op: "remove", path: "/spec/values" };
    expect(jsonPatch(release, [operation, first])).toEqual({ why: expect.stringContaining(why) });
  });
});
