import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { readSource } from "../read-source.ts";
import { first, folderOf, mapOf, object, pathsOf, releaseOf, service, valuesOf } from "./example-files.ts";

describe("kustomizations", () => {
  test("a base that overlays patch is no cluster; all that an overlay makes is of its cluster", async () => {
    const overlay = (name: string, id: number): object => ({
      resources: ["../base"],
      patches: [{ patch: toYaml(releaseOf(valuesOf(name, id))) }],
    });
    const files = {
      "base/kustomization.yaml": { resources: ["release.yaml", "service.yaml"] },
      "base/release.yaml": releaseOf(valuesOf("changeme", 0)),
      "base/service.yaml": service("cart"),
      "alpha/kustomization.yaml": overlay("alpha", 1),
      "beta/Kustomization": overlay("beta", 2),
    };
    const dir = folderOf(files);
    for (const words of [[dir], [join(dir, "alpha"), join(dir, "beta")]]) {
      const clusters = await readSource(words);
      expect(clusters.map((c) => [c.name, c.id, c.services.length])).toEqual([
        ["alpha", 1, 1],
        ["beta", 2, 1],
      ]);
    }
    const all = folderOf({ ...files, "kustomization.yaml": { resources: ["alpha", "beta"] } });
    expect((await readSource([all])).map((c) => [c.name, c.services.length])).toEqual([
      ["alpha", 1],
      ["beta", 1],
    ]);
  });

  test("patches of files, JSON patches, components, images, namespaces and annotations are applied", async () => {
    const agent = object("apps/v1", "DaemonSet", {
      spec: {
        template: {
          spec: { containers: [{ name: "cilium-agent", image: "quay.io/cilium/cilium:v1.16.1" }] },
        },
      },
    });
    const alpha = await first({
      "alpha/kustomization.yaml": {
        resources: ["cilium.yaml"],
        components: ["mesh"],
        namespace: "net",
        commonAnnotations: { "service.cilium.io/global": "true" },
        images: [{ name: "quay.io/cilium/cilium", newTag: "v1.18.2" }],
        patchesStrategicMerge: ["id.yaml"],
        patchesJson6902: [
          { target: { version: "v1", kind: "ConfigMap", name: "cilium-.*" }, path: "mtu.json" },
        ],
      },
      "alpha/cilium.yaml": [
        mapOf("cilium-config", { "cluster-name": "x", "cluster-id": "0", mtu: "1" }),
        agent,
        service("cart"),
      ],
      "alpha/id.yaml": mapOf("cilium-config", { "cluster-name": "alpha", "cluster-id": "1" }),
      "alpha/mtu.json": JSON.stringify([{ op: "replace", path: "/data/mtu", value: "1400" }]),
      "alpha/mesh/kustomization.yaml": {
        apiVersion: "kustomize.config.k8s.io/v1alpha1",
        kind: "Component",
        patches: [
          { patch: "- { op: add, path: /data/ipam, value: kubernetes }", target: { kind: "ConfigMap" } },
        ],
      },
    });
    expect(alpha).toMatchObject({
      id: 1,
      cilium: "1.18.2",
      config: { "cluster-name": "alpha", mtu: "1400", ipam: "kubernetes" },
      services: [{ metadata: { namespace: "net", annotations: { "service.cilium.io/global": "true" } } }],
      notes: [],
    });
  });
});

test("what a kustomization takes from elsewhere is of the cluster of its folder; its own files are no objects", async () => {
  const clusters = await readSource([
    folderOf({
      "alpha/values.yaml": valuesOf("alpha", 1),
      "alpha/net/kustomization.yaml": { resources: ["../../shared"], configurations: ["names.yaml"] },
      "alpha/net/names.yaml": { nameReference: [{ kind: "ConfigMap" }] },
      "beta/values.yaml": valuesOf("beta", 2),
      "shared/kustomization.yaml": { resources: ["service.yaml"] },
      "shared/service.yaml": service("cart"),
    }),
  ]);
  expect(clusters.map((c) => [c.name, c.services.length, c.notes])).toEqual([
    ["alpha", 1, []],
    ["beta", 0, []],
  ]);
});

test("generated maps, the values files of a chart and replacements", async () => {
  const alpha = await first({
    "base/kustomization.yaml": {
      resources: ["release.yaml"],
      configMapGenerator: [{ name: "values", namespace: "kube-system", files: ["values.yaml"] }],
    },
    "base/release.yaml": releaseOf(
      { MTU: 1 },
      {
        valuesFrom: [
          { kind: "ConfigMap", name: "values" },
          { kind: "ConfigMap", name: "values", valuesKey: "own.yaml" },
        ],
      },
    ),
    "base/values.yaml": { cluster: { name: "x", id: 9 }, routingMode: "tunnel", tunnelPort: 8473 },
    "alpha/kustomization.yaml": {
      resources: ["../base"],
      configMapGenerator: [
        { name: "values", namespace: "kube-system", behavior: "merge", files: ["own.yaml=values.yaml"] },
        { name: "vars", literals: ["id='1'"], envs: ["more.env"] },
      ],
      replacements: [
        {
          source: { kind: "ConfigMap", name: "vars", fieldPath: "data.MTU" },
          targets: [{ select: { kind: "HelmRelease" }, fieldPaths: ["spec.values.MTU"] }],
        },
      ],
    },
    "alpha/values.yaml": valuesOf("alpha", 1, { routingMode: "native" }),
    "alpha/more.env": "# size\nMTU=1450\n",
  });
  expect(alpha).toMatchObject({
    id: 1,
    values: { routingMode: "native", tunnelPort: 8473, MTU: 1450 },
    notes: [],
  });
  const chart = {
    name: "cilium",
    version: "1.18.6",
    valuesFile: "v.yaml",
    additionalValuesFiles: ["more.yaml"],
  };
  const inflated = await first({
    "alpha/kustomization.yaml": { helmCharts: [{ ...chart, valuesInline: { MTU: 2, tunnelPort: 1 } }] },
    "alpha/v.yaml": valuesOf("alpha", 1, { MTU: 1 }),
    "alpha/more.yaml": { tunnelPort: 8473 },
  });
  expect(inflated).toMatchObject({
    id: 1,
    cilium: "1.18.6",
    values: { MTU: 2, tunnelPort: 8473 },
    notes: [],
  });
});

describe("valuesMerge of a chart", () => {
  const read = async (more: object, inline: object = { MTU: 2 }) => {
    const chart = { name: "cilium", version: "1.18.6", valuesFile: "v.yaml", valuesInline: inline, ...more };
    const dir = folderOf({
      "alpha/kustomization.yaml": { helmCharts: [chart] },
      "alpha/v.yaml": valuesOf("alpha", 1, { MTU: 1, tunnelPort: 8473 }),
      "beta.yaml": valuesOf("beta", 2),
    });
    const [alpha] = await readSource([`alpha=${dir}/alpha`, `beta=${dir}/beta.yaml`]);
    return alpha;
  };

  test.each([
    ["nothing", {}, 2],
    ["override", { valuesMerge: "override" }, 2],
    ["merge", { valuesMerge: "merge" }, 1],
  ])("%s: both are read", async (_, more, mtu) => {
    expect(await read(more)).toMatchObject({ id: 1, values: { MTU: mtu, tunnelPort: 8473 }, notes: [] });
  });

  test("replace: the file is not read, as values of its own neither", async () => {
    const alpha = await read({ valuesMerge: "replace" });
    expect(alpha?.values).toEqual({ MTU: 2 });
    expect(alpha).not.toHaveProperty("id");
    expect(alpha?.notes).toMatchObject([
      {
        field: expect.stringMatching(/^valuesFile of helmCharts\[0\] of .*kustomization\.yaml$/),
        inSource: expect.stringMatching(/^v\.yaml is not used, because valuesMerge is replace/),
        part: "source",
        matters: "yes",
      },
    ]);
  });

  test("replace by nothing: the file is read", async () => {
    const alpha = await read({ valuesMerge: "replace" }, {});
    expect(alpha).toMatchObject({ id: 1, values: { MTU: 1 }, notes: [] });
  });
});

describe("what of a kustomization is not done", () => {
  const target = { kind: "HelmRelease", name: "ciliu[m]?" };

  test.each([
    ["a remote base", { resources: ["https://github.com/a/b//c?ref=v1"] }, "resources[1]", "it is not local"],
    ["a missing file", { resources: ["none.yaml"] }, "resources[1]", "there is no such file"],
    [
      "a file elsewhere",
      { resources: ["../../../../../../etc/hosts"] },
      "resources[1]",
      "outside of the given folders",
    ],
    ["a file that is not YAML", { resources: ["notes.txt"] }, "resources[1]", "is not YAML"],
    ["itself", { resources: ["../alpha"] }, "resources[1]", "it uses itself"],
    [
      "an object that is not there",
      { patches: [{ patch: toYaml(mapOf("x", { a: "1" })) }] },
      "patches[0]",
      "no such object",
    ],
    ["a pattern", { patches: [{ target, patch: "[]" }] }, "patches[0]", "regular expression"],
    [
      "a list of Kubernetes",
      { patches: [{ patch: toYaml(service("cart")) }] },
      "patches[0]",
      "merges the list",
    ],
    ["no target", { patches: [{ patch: "- { op: add, path: /a, value: 1 }" }] }, "patches[0]", "no target"],
    ["a text that is not YAML", { patches: [{ patch: "a: [" }] }, "patches[0]", "is not YAML"],
    ["names", { namePrefix: "x-" }, "namePrefix", "not applied"],
    ["a generator", { generators: ["g.yaml"] }, "generators", "not applied"],
    [
      "a merge into nothing",
      { configMapGenerator: [{ name: "x", behavior: "merge" }] },
      "configMapGenerator[0]",
      "no such object",
    ],
    [
      "a source of nothing",
      { replacements: [{ source: { kind: "X" }, targets: [] }] },
      "replacements[0]",
      "0 objects",
    ],
  ])(
    "%s is left out, with its file and place",
    async (_, more: { readonly resources?: string[]; readonly [key: string]: unknown }, place, why) => {
      const alpha = await first({
        "alpha/kustomization.yaml": { ...more, resources: ["release.yaml", ...(more.resources ?? [])] },
        "alpha/release.yaml": [releaseOf(valuesOf("alpha", 1)), service("cart")],
        "alpha/notes.txt": "a: [",
      });
      expect(alpha).toMatchObject({ id: 1, services: [{}] });
      const note = alpha?.notes.find((n) => n.field.startsWith(`${place} of `));
      expect(note).toMatchObject({
        field: expect.stringContaining("alpha/kustomization.yaml"),
        inLab: expect.stringMatching(/^left out: .*kustomize build/s),
      });
      expect(note?.inLab).toContain(why);
    },
  );

  test("kinds of other programs with the same name, and Components that nobody uses, are named", async () => {
    const flux = object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {
      spec: { path: "./x", patches: [{ target: { kind: "HelmRelease" }, patch: "[]" }] },
    });
    const alpha = await first({
      "alpha/values.yaml": valuesOf("alpha", 1),
      "alpha/ks.yaml": flux,
      "alpha/mesh/kustomization.yaml": { apiVersion: "kustomize.config.k8s.io/v1alpha1", kind: "Component" },
    });
    expect(pathsOf(alpha)).toEqual([
      expect.stringContaining("spec.patches of Kustomization kube-system/cilium"),
      expect.stringContaining("holds no values, only Kustomization"),
      expect.stringContaining("mesh/kustomization.yaml: a Component"),
    ]);
  });
});
