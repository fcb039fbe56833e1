import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { readSource } from "../read-source.ts";
import { type Files, first, folderOf, mapOf, object, pathsOf, releaseOf, valuesOf } from "./example-files.ts";

const fromMap = (name: string, more: object = {}): object => ({
  configMapKeyRef: { name, namespace: "kube-system", ...more },
});
/** As kubectl prints it: of the whole cluster, without a namespace. */
const release = (name: string, forProvider: object, group = "helm.crossplane.io"): object => ({
  apiVersion: `${group}/v1beta1`,
  kind: "Release",
  metadata: {
    name: `${name}-cilium`,
    ...(group === "helm.crossplane.io" ? {} : { namespace: "kube-system" }),
  },
  spec: { forProvider: { chart: { name: "cilium", version: "1.19.4" }, ...forProvider } },
});
const base = mapOf("base", { "values.yaml": toYaml({ MTU: 1400, cluster: { id: 9 }, ipam: { mode: "x" } }) });

describe("values of Crossplane's Release", () => {
  test("maps in order, then values, then set, whose valueFrom counts more than its value", async () => {
    const alpha = await first({
      "releases.yaml": release("alpha", {
        valuesFrom: [fromMap("base"), { secretKeyRef: { name: "more", namespace: "kube-system", key: "v" } }],
        values: { cluster: { name: "alpha", id: 8 } },
        set: [
          { name: "cluster.id", value: "7", valueFrom: fromMap("facts") },
          { name: "debug.enabled", value: "true" },
        ],
      }),
      "config/maps.yaml": [
        base,
        mapOf("facts", { value: "1" }),
        object(
          "v1",
          "Secret",
          { data: { v: Buffer.from("ipam: { mode: kubernetes }").toString("base64") } },
          "more",
        ),
      ],
    });
    expect(alpha).toMatchObject({
      id: 1,
      cilium: "1.19.4",
      values: { MTU: 1400, ipam: { mode: "kubernetes" }, debug: { enabled: true } },
      notes: [],
    });
  });

  test("one map is for the releases of several clusters, of which each has its own notes", async () => {
    const of = (name: string, id: number, more: object = {}): object =>
      release(name, { values: valuesOf(name, id), valuesFrom: [fromMap("base")], ...more });
    const other = release("logs", { chart: { name: "fluent-bit" }, valuesFrom: [fromMap("logs")] });
    const missing = { set: [{ name: "MTU", valueFrom: fromMap("none") }] };
    const items = [of("alpha", 1), of("beta", 2, missing), other];
    const dir = folderOf({
      "releases.yaml": { apiVersion: "v1", kind: "List", items },
      "maps.yaml": { apiVersion: "v1", kind: "List", items: [base, mapOf("logs", { a: "1" })] },
    });
    const clusters = await readSource([`${dir}/releases.yaml`, `${dir}/maps.yaml`]);
    expect(clusters.map((c) => [c.name, c.id, c.values.MTU])).toEqual([
      ["alpha", 1, 1400],
      ["beta", 2, "${ConfigMap none}"],
    ]);
    expect(pathsOf(clusters[0])).toEqual([
      expect.stringMatching(/objects of no cluster: .*maps\.yaml: holds ConfigMap kube-system\/logs$/),
    ]);
    expect(pathsOf(clusters[1])).toEqual([
      expect.stringMatching(/set\[0\]\.valueFrom of Release beta-cilium .*: ConfigMap none is in no file/),
      expect.stringMatching(/objects of no cluster: .*releases\.yaml: holds Release logs-cilium$/),
      expect.stringContaining("a placeholder"),
    ]);
  });

  test("one of a namespace has its maps there, and its chart by a URL", async () => {
    const chart = { url: "oci://quay.io/cilium/charts/cilium:1.18.6" };
    const valuesFrom = [fromMap("base", { namespace: "ignored" })];
    const namespaced = release(
      "alpha",
      { chart, values: valuesOf("alpha", 1), valuesFrom },
      "helm.m.crossplane.io",
    );
    const alpha = await first({ "releases.yaml": namespaced, "maps.yaml": base });
    expect(alpha).toMatchObject({ cilium: "1.18.6", values: { MTU: 1400 } });
  });
});

describe("patches of what the chart makes", () => {
  const target = { kind: "ConfigMap", name: "cilium-config" };
  const idPatch = toYaml([{ op: "replace", path: "/data/cluster-id", value: "71" }]);
  const notesOf = (cluster: SourceCluster | undefined): unknown[] =>
    (cluster?.notes ?? []).map((n) => [n.inSource, n.matters]);
  const patched = (...patches: readonly object[]): Files => ({
    "releases.yaml": release("alpha", {
      values: valuesOf("alpha", 1),
      set: [{ name: "cluster.id", value: "2" }],
      patchesFrom: [fromMap("patch")],
    }),
    "maps.yaml": mapOf("patch", { "patch.yaml": toYaml({ patches }) }),
  });

  test.each([
    ["a JSON patch", { target, patch: idPatch }],
    ["a JSON patch of a pattern", { target: { kind: "ConfigMap", name: "cilium-.*" }, patch: idPatch }],
    ["a strategic merge", { patch: toYaml({ ...mapOf("cilium-config", { "cluster-id": "71" }) }) }],
  ])("the id that %s gives to cilium-config is the one that runs", async (_, patch) => {
    const alpha = await first(patched(patch));
    expect(alpha?.id).toBe(71);
    expect(alpha?.notes).toMatchObject([
      {
        field: expect.stringMatching(/^spec\.forProvider\.patchesFrom\[0\] of Release .*maps\.yaml$/),
        inSource: expect.stringContaining("sets cluster-id of ConfigMap cilium-config to 71"),
        matters: "yes",
      },
    ]);
  });

  test("other settings of cilium-config matter, other objects perhaps, and where programs run not at all", async () => {
    const rename = { target, patch: toYaml([{ op: "add", path: "/data/cluster-name", value: "fra" }]) };
    const deployment = { kind: "Deployment", name: "clustermesh-apiserver" };
    const of = (path: string): object => ({
      target: deployment,
      patch: toYaml([{ op: "add", path, value: "x" }]),
    });
    const spec = "/spec/template/spec";
    const files = patched(rename, of(`${spec}/priorityClassName`), of(`${spec}/hostNetwork`));
    expect(notesOf(await first(files))).toEqual([
      ["ConfigMap cilium-config: cluster-name: fra", "yes"],
      [`Deployment clustermesh-apiserver: ${spec}/priorityClassName`, "no"],
      [`Deployment clustermesh-apiserver: ${spec}/hostNetwork`, "perhaps"],
    ]);
  });

  test("patches in a map that is in no file are named", async () => {
    const { "releases.yaml": alone = "" } = patched();
    expect(notesOf(await first({ "releases.yaml": alone }))).toEqual([
      ["patches: ConfigMap patch is in no file", "yes"],
    ]);
  });

  test("the same of Flux's postRenderers", async () => {
    const postRenderers = [{ kustomize: { patches: [{ target, patch: idPatch }] } }];
    const alpha = await first({ "alpha.yaml": releaseOf(valuesOf("alpha", 1), { postRenderers }) });
    expect(alpha?.id).toBe(71);
    expect(pathsOf(alpha)).toContainEqual(
      expect.stringMatching(
        /^spec\.postRenderers\[0\]\.kustomize\.patches\[0\] of HelmRelease.*: sets cluster-id/,
      ),
    );
  });
});
