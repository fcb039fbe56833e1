import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { readSource } from "../read-source.ts";

const clustersOf = (document: object, name = "set.yaml"): Promise<SourceCluster[]> => {
  const path = join(tempFolder("targets"), name);
  writeFileSync(path, toYaml(document));
  return readSource([path]);
};
const both = [
  { name: "alpha", id: 1 },
  { name: "beta", id: 2 },
];
const namesOf = (clusters: readonly SourceCluster[]): object[] =>
  clusters.map(({ name, id }) => ({ name, id }));

describe("an ApplicationSet of Argo CD", () => {
  const elements = both.map(({ name, id }) => ({ cluster: name, values: { id: String(id) } }));
  const set = (helm: object, more: object = {}): object => ({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "ApplicationSet",
    metadata: { name: "cilium", namespace: "argocd" },
    spec: {
      generators: [{ list: { elements } }],
      template: {
        metadata: { name: "x" },
        spec: { source: { chart: "cilium", targetRevision: "1.18.6", helm } },
      },
      ...more,
    },
  });
  const fast = { valuesObject: { cluster: { name: "{{cluster}}", id: "{{ values.id }}" } } };
  const go = { valuesObject: { cluster: { name: "{{ .cluster }}", id: "{{ .values.id | int }}" } } };

  test.each([
    ["fields of an element", set(fast)],
    ["Go templates", set(go, { goTemplate: true })],
    [
      "values as a text, with blanks taken away",
      set(
        { values: 'cluster: { name: {{ .cluster | quote }}, id: {{ index .values "id" -}} }' },
        { goTemplate: true },
      ),
    ],
    [
      "parameters",
      set({
        parameters: [
          { name: "cluster.name", value: "{{cluster}}" },
          { name: "cluster.id", value: "{{values.id}}" },
        ],
      }),
    ],
    [
      "elements as YAML, and a template of the generator",
      set(
        {},
        {
          generators: [
            { list: { elementsYaml: toYaml(elements), template: { spec: { source: { helm: fast } } } } },
          ],
        },
      ),
    ],
    ["several generators", set(fast, { generators: elements.map((e) => ({ list: { elements: [e] } })) })],
  ])("%s: one cluster for each element", async (_, document) => {
    const clusters = await clustersOf(document);
    expect(namesOf(clusters)).toEqual(both);
    expect(clusters.map((c) => [c.cilium, c.notes])).toEqual([
      ["1.18.6", []],
      ["1.18.6", []],
    ]);
  });

  test("expressions that are not known are named as placeholders", async () => {
    const values = { ...go.valuesObject, k8sServiceHost: '{{ dig "host" "" . }}' };
    const [alpha] = await clustersOf(set({ valuesObject: values }, { goTemplate: true }));
    expect(alpha?.notes).toMatchObject([{ field: "value k8sServiceHost" }]);
  });

  test("of the charts that elements name, only Cilium's is read", async () => {
    const charts = [...elements, { cluster: "pg", values: { id: "3" } }].map((e, i) => ({
      ...e,
      chart: i < 2 ? "cilium" : "postgres",
    }));
    const document = {
      ...set(fast),
      spec: {
        generators: [{ list: { elements: charts } }],
        template: { metadata: { name: "x" }, spec: { source: { chart: "{{chart}}", helm: fast } } },
      },
    };
    expect(namesOf(await clustersOf(document))).toEqual(both);
  });

  test.each([
    [
      "another generator",
      set(fast, { generators: [{ clusters: {} }] }),
      "generator clusters (spec.generators[0])",
    ],
    ["a selector", set(fast, { generators: [{ list: { elements }, selector: {} }] }), "a list with selector"],
    ["a patch of the template", set(go, { templatePatch: "spec: { source: {} }" }), "spec.templatePatch"],
    ["no name", set({ valuesObject: { MTU: 1, ipam: {} } }), "list.elements[0] does not name its cluster"],
    ["one name twice", set({ valuesObject: { cluster: { name: "a", id: 1 } } }), "both name cluster a"],
    [
      "conditions",
      set({ values: "cluster: { name: '{{ if .x }}{{ .cluster }}{{ end }}' }" }, { goTemplate: true }),
      "spec.source.helm.values is a template with conditions",
    ],
    [
      "elements of another generator",
      set(fast, { generators: [{ list: { elementsYaml: "{{ .key | toJson }}" } }] }),
      "elementsYaml is a template",
    ],
  ])("%s is refused, with file and place", async (_, document, why) => {
    await expect(clustersOf(document)).rejects.toThrow(why);
    await expect(clustersOf(document)).rejects.toThrow("set.yaml");
  });
});

describe("targetCustomizations of Fleet", () => {
  const file = (targets: readonly object[], values: object = {}): object => ({
    helm: { chart: "cilium", version: "1.18.6", values: { routingMode: "tunnel", ...values } },
    targetCustomizations: targets,
  });
  const named = both.map((cluster) => ({ clusterGroup: cluster.name, helm: { values: { cluster } } }));

  test("one cluster for each; its values go over those of all", async () => {
    const own = {
      clusterGroup: "c",
      yaml: { overlays: ["c"] },
      helm: { version: "1.18.4", values: { routingMode: "native" } },
    };
    const clusters = await clustersOf(
      file([
        ...named,
        { ...own, helm: { ...own.helm, values: { ...own.helm.values, cluster: { name: "c", id: 3 } } } },
      ]),
      "fleet.yaml",
    );
    expect(clusters.map((c) => [c.name, c.cilium, c.values.routingMode])).toEqual([
      ["alpha", "1.18.6", "tunnel"],
      ["beta", "1.18.6", "tunnel"],
      ["c", "1.18.4", "native"],
    ]);
    expect(clusters.flatMap((c) => c.notes.map((n) => [c.name, n.field.replace(/ in .*/, "")]))).toEqual([
      ["c", "yaml"],
    ]);
  });

  test("clusters that none matches are those of helm.values, if it names one; retired ones are none", async () => {
    const retired = { name: "old", doNotDeploy: true };
    expect(namesOf(await clustersOf(file([...named.slice(1), retired], { cluster: both[0] })))).toEqual(both);
    expect(namesOf(await clustersOf(file(named, { cluster: both[0] })))).toEqual(both);
  });

  test("names and labels that the target tells are filled in", async () => {
    const values = {
      cluster: { name: "${ .ClusterName }", id: "global.fleet.clusterLabels.mesh-id" },
      MTU: "${ .ClusterLabels.mtu }",
    };
    const targets = both.map(({ name, id }) => ({
      clusterName: name,
      clusterSelector: { matchLabels: { "mesh-id": String(id), mtu: "1400" } },
    }));
    const clusters = await clustersOf(file(targets, values));
    expect(namesOf(clusters)).toEqual(both);
    expect(clusters[0]?.values.MTU).toBe(1400);
    const [unknown] = await clustersOf(file([{ clusterName: "alpha" }, { clusterName: "beta" }], values));
    expect(unknown?.notes.map((n) => n.field)).toEqual(["value cluster.id", "value MTU"]);
  });

  test("targets of a Bundle", async () => {
    const { helm } = file([]) as { helm: object };
    const bundle = {
      apiVersion: "fleet.cattle.io/v1alpha1",
      kind: "Bundle",
      metadata: { name: "cilium" },
      // The last one is of the GitRepo.
      spec: { helm, targets: [...named, { name: "default", clusterGroup: "default" }] },
    };
    expect(namesOf(await clustersOf(bundle))).toEqual(both);
  });

  test.each([
    [
      "without a name",
      file([...named, { name: "third" }]),
      "targetCustomizations[2] (third) does not name its cluster",
    ],
    [
      "with the name of another",
      file([...named, { helm: { values: { cluster: both[1] } } }]),
      "both name cluster beta",
    ],
  ])("one %s is refused", async (_, document, why) => {
    await expect(clustersOf(document, "fleet.yaml")).rejects.toThrow(why);
  });
});
