import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { readSource } from "../read-source.ts";
import { type Files, first, folderOf, mapOf, object, pathsOf, releaseOf, valuesOf } from "./example-files.ts";

const fromMap = (name: string, more: object = {}): object => ({ kind: "ConfigMap", name, ...more });

describe("values of a HelmRelease from maps", () => {
  test("in Flux's order: maps, inline values, then targetPath, whose value is read as --set reads it", async () => {
    const alpha = await first({
      "alpha/release.yaml": releaseOf(
        { cluster: { id: 5 }, MTU: 2, clustermesh: { config: { clusters: [{ name: "x" }, { name: "z" }] } } },
        {
          valuesFrom: [
            fromMap("one"),
            fromMap("vars", { valuesKey: "id", targetPath: "cluster.id" }),
            fromMap("vars", { valuesKey: "peer", targetPath: "clustermesh.config.clusters[0].name" }),
            fromMap("vars", { valuesKey: "label", targetPath: "podLabels.a\\.b" }),
            {
              kind: "Secret",
              name: "pools",
              valuesKey: "p",
              targetPath: "ipam.operator.clusterPoolIPv4PodCIDRList",
            },
          ],
        },
      ),
      "alpha/maps.yaml": [
        mapOf("one", { "values.yaml": toYaml({ cluster: { name: "alpha", id: 4 }, MTU: 1 }) }),
        mapOf("vars", { id: "1", peer: "beta", label: '"7"' }),
        object("v1", "Secret", { data: { p: Buffer.from("{10.5.0.0/16}").toString("base64") } }, "pools"),
      ],
    });
    expect(alpha).toMatchObject({
      id: 1,
      podNetwork: { pools: ["10.5.0.0/16"] },
      values: {
        MTU: 2,
        clustermesh: { config: { clusters: [{ name: "beta" }, { name: "z" }] } },
        podLabels: { "a.b": "7" },
      },
      notes: [],
    });
  });

  test("an index that Helm refuses is named, and nothing is taken by it", async () => {
    const alpha = await first({
      "alpha/release.yaml": releaseOf(valuesOf("alpha", 1, { devices: ["eth0"] }), {
        valuesFrom: [fromMap("vars", { valuesKey: "d", targetPath: "devices[1000000]" })],
      }),
      "alpha/maps.yaml": mapOf("vars", { d: "eth1" }),
    });
    expect(alpha?.values.devices).toEqual(["eth0"]);
    expect(pathsOf(alpha).join()).toMatch(/valuesFrom\[0\] of .*devices\[1000000\] is larger than 65536/);
  });

  test("in a list, as kubectl prints it", async () => {
    const items = [
      releaseOf({}, { valuesFrom: [fromMap("own")] }),
      mapOf("own", { "values.yaml": toYaml(valuesOf("alpha", 1)) }),
    ];
    const alpha = await first({ "alpha.yaml": { apiVersion: "v1", kind: "List", items } });
    expect(alpha).toMatchObject({ id: 1, others: [], notes: [] });
  });

  test("of maps with one name, the one of the release's own folder; what is not there is named", async () => {
    const of = (name: string, id: number): Files => ({
      [`${name}/release.yaml`]: releaseOf(
        {},
        { valuesFrom: [fromMap("own"), fromMap("none", { optional: true })] },
      ),
      [`${name}/own.yaml`]: mapOf("own", { "values.yaml": toYaml(valuesOf(name, id)) }),
    });
    const clusters = await readSource([folderOf({ ...of("alpha", 1), ...of("beta", 2) })]);
    expect(clusters.map((c) => [c.name, c.id])).toEqual([
      ["alpha", 1],
      ["beta", 2],
    ]);
    // That of another cluster is not taken in its place.
    const { "beta/own.yaml": _, ...without } = { ...of("alpha", 1), ...of("beta", 2) };
    const named = { ...without, "beta/values.yaml": valuesOf("beta", 2) };
    const [, beta] = await readSource([folderOf(named)]);
    expect(pathsOf(beta)).toContainEqual(expect.stringContaining("ConfigMap own is in no file"));
    expect(pathsOf(clusters[0])).toEqual([
      expect.stringMatching(
        /valuesFrom\[1\] of HelmRelease .*alpha\/release\.yaml: ConfigMap none is in no file/,
      ),
    ]);
  });

  test.each([
    [
      "no such key",
      [mapOf("own", { x: "1" })],
      "values.yaml of ConfigMap kube-system/own in .* is not there",
    ],
    [
      "an encrypted Secret",
      [object("v1", "Secret", { stringData: { "values.yaml": "ENC[x]" }, sops: {} }, "own")],
      "is encrypted",
    ],
    ["two maps", [mapOf("own", { a: "1" }), mapOf("own", { b: "1" })], "in several files"],
    ["a text that is no values", [mapOf("own", { "values.yaml": "a: [" })], "is not YAML"],
  ])("%s is named", async (_, maps, why) => {
    const kind = JSON.stringify(maps).includes('"Secret"') ? "Secret" : "ConfigMap";
    const alpha = await first({
      "alpha/release.yaml": releaseOf(valuesOf("alpha", 1), { valuesFrom: [{ kind, name: "own" }] }),
      "alpha/maps.yaml": maps,
    });
    expect(pathsOf(alpha)).toEqual([expect.stringMatching(new RegExp(why))]);
  });
});

test("the version of a chart that another object names; post-renderers are named; other programs' maps stay", async () => {
  const release = object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
    spec: {
      chartRef: { kind: "OCIRepository", name: "charts" },
      values: valuesOf("alpha", 1),
      postRenderers: [{ kustomize: {} }],
    },
  });
  const repository = object(
    "source.toolkit.fluxcd.io/v1",
    "OCIRepository",
    { spec: { ref: { tag: "1.18.4" } } },
    "charts",
  );
  const other = object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
    spec: { chart: { spec: { chart: "nginx" } }, valuesFrom: [fromMap("nginx"), fromMap("none")] },
  });
  const alpha = await first({ "alpha/a.yaml": [release, repository, other, mapOf("nginx", { a: "1" })] });
  expect(alpha?.cilium).toBe("1.18.4");
  expect(alpha?.others.map((o) => o.kind)).toEqual(["HelmRelease", "ConfigMap"]);
  expect(alpha?.notes).toMatchObject([
    {
      field: expect.stringContaining("spec.postRenderers of HelmRelease"),
      inLab: "left out: it is not applied",
    },
  ]);
});
