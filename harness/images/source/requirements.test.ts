import semver from "semver";
import { describe, expect, test } from "vitest";
import { pins } from "#harness/config/pins.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { resolveRequirements } from "./requirements.ts";
import { describeSubstitution, type Substitution, substitutions, substitutionsFor } from "./substitutions.ts";

const refusal = (module: string) => new MeshproofError("artifact-unavailable", `${module} is not served`);
const cilium = { name: "cilium", version: "v1.20.2" };
const entry = (over: Partial<Substitution>): Substitution => ({
  components: ["cilium"],
  versions: "1.20.x",
  refused: { module: "a.example/x", version: "v1.0.1" },
  instead: { kind: "version", version: "v1.1.0" },
  harmless: "nothing calls it",
  ...over,
});
const fork = entry({
  refused: { module: "a.example/fork", version: "*" },
  instead: { kind: "without-fork" },
});
const own = entry({ instead: { kind: "own-module", files: { "go.mod": "module a.example/x\n" } } });
const requiring = { requires: [{ path: "a.example/x", version: "v1.0.1" }], replaces: [] };
const forked = {
  requires: [],
  replaces: [{ old: "a.example/y", newPath: "a.example/fork", newVersion: "v9.0.0" }],
};
const where = { modulesDir: "/m" };
const refused = async (module: string) => refusal(module);
const served = async () => true as const;

describe("what a component requires", () => {
  test("a refused module is replaced by the version that the table gives", async () => {
    const table = [entry({})];
    expect(await resolveRequirements(cilium, requiring, { ...where, served: refused, table })).toEqual({
      flags: ["-replace=a.example/x=a.example/x@v1.1.0"],
      used: table,
    });
  });

  test("or by a module of our own", async () => {
    const { flags } = await resolveRequirements(cilium, requiring, {
      ...where,
      served: refused,
      table: [own],
    });
    expect(flags).toEqual(["-replace=a.example/x=/m/a.example/x"]);
  });

  test("a refused fork gives way to what it forks", async () => {
    expect(await resolveRequirements(cilium, forked, { ...where, served: refused, table: [fork] })).toEqual({
      flags: ["-dropreplace=a.example/y"],
      used: [fork],
    });
  });

  test.each([
    [requiring, entry({})],
    [requiring, own],
    [forked, fork],
  ])("is taken as it is where it is served", async (mod, only) => {
    expect(await resolveRequirements(cilium, mod, { ...where, served, table: [only] })).toEqual({
      flags: [],
      used: [],
    });
  });

  test("a refused fork without an entry is an error by name", async () => {
    await expect(
      resolveRequirements(cilium, forked, { ...where, served: refused, table: [] }),
    ).rejects.toThrow("a.example/fork is not served");
  });

  test.each([
    ["an entry that nothing requires", entry({}), forked, "go.mod has no such module"],
    [
      "an entry for another version",
      entry({}),
      { ...requiring, requires: [{ path: "a.example/x", version: "v2.0.0" }] },
      "go.mod has v2.0.0",
    ],
    ["a fork that is gone", fork, requiring, "go.mod has no such module"],
  ])("%s is an error by name", async (_, only, mod, message) => {
    const resolved = resolveRequirements(cilium, mod, { ...where, served, table: [only] });
    await expect(resolved).rejects.toThrow(`the substitution of ${only.refused.module}`);
    await expect(resolved).rejects.toThrow(message);
  });

  test("entries of other versions and components count for nothing", async () => {
    const table = [entry({ versions: "1.19.x" }), entry({ components: ["helm"] })];
    expect(await resolveRequirements(cilium, requiring, { ...where, served, table })).toEqual({
      flags: [],
      used: [],
    });
  });

  test("Kubernetes's staging modules become their published versions, other local folders are dropped", async () => {
    const replaces = [
      { old: "k8s.io/api", newPath: "./staging/src/k8s.io/api", newVersion: "" },
      { old: "go.etcd.io/etcd/api/v3", newPath: "../api", newVersion: "" },
    ];
    const kubernetes = { name: "kubernetes", version: "v1.36.4" };
    const { flags } = await resolveRequirements(kubernetes, { requires: [], replaces }, { ...where, served });
    expect(flags).toEqual(["-replace=k8s.io/api=k8s.io/api@v0.36.4", "-dropreplace=go.etcd.io/etcd/api/v3"]);
  });
});

test("a staging module whose version is refused is replaced after the others", async () => {
  const kubernetes = { name: "kubernetes", version: "v1.34.9" };
  const instead = entry({
    components: ["kubernetes"],
    versions: "1.34.9",
    refused: { module: "k8s.io/api", version: "v0.34.9" },
    instead: { kind: "version", version: "v0.34.8" },
  });
  const mod = {
    requires: [{ path: "k8s.io/api", version: "v0.0.0" }],
    replaces: [{ old: "k8s.io/api", newPath: "./staging/src/k8s.io/api", newVersion: "" }],
  };
  const { flags, used } = await resolveRequirements(kubernetes, mod, {
    ...where,
    served: refused,
    table: [instead],
  });
  // `go mod edit` keeps the last line for a module.
  expect(flags).toEqual(["-replace=k8s.io/api=k8s.io/api@v0.34.9", "-replace=k8s.io/api=k8s.io/api@v0.34.8"]);
  expect(used).toEqual([instead]);
  const other = { ...instead, refused: { module: "k8s.io/api", version: "v0.34.7" } };
  await expect(
    resolveRequirements(kubernetes, mod, { ...where, served: refused, table: [other] }),
  ).rejects.toThrow("k8s.io/api@v0.34.7 does not fit kubernetes v1.34.9: its go.mod has v0.34.9");
});

describe("the table of substitutions", () => {
  test.each(substitutions)("$refused.module: applies to versions that are pinned ($components)", (s) => {
    const minors = Object.values(pins.minors);
    const versions: Readonly<Record<string, readonly string[]>> = {
      cilium: minors.map((m) => m.cilium),
      "cilium-operator": minors.map((m) => m.cilium),
      kubernetes: minors.map((m) => m.kubernetes),
      "cilium-cli": [pins.ciliumCli],
    };
    for (const component of s.components)
      expect((versions[component] ?? []).flatMap((v) => substitutionsFor(component, v, [s]))).not.toEqual([]);
  });

  test("a release candidate or a checkout of a branch has the entries of its release", () => {
    const modules = (version: string) => substitutionsFor("cilium", version).map((s) => s.refused.module);
    expect(modules("v1.20.3-dev")).toEqual(modules("v1.20.2"));
    expect(modules("v1.20.2")).toContain("github.com/osrg/gobgp/v4");
  });

  test.each(substitutions)("$refused.module: a range of versions, a reason, a sentence", (s) => {
    expect(semver.validRange(s.versions)).not.toBeNull();
    expect(s.components.length).toBeGreaterThan(0);
    expect(describeSubstitution(s)).toContain(`${s.refused.module}`);
    expect(describeSubstitution(s)).toContain(s.harmless);
  });
});
