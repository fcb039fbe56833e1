import { describe, expect, test } from "vitest";
import { stringify as toYaml } from "yaml";
import type { SourceCluster } from "#harness/model/source-environment.ts";
import { type Files, folderOf, object, pathsOf, valuesOf } from "./gitops/example-files.ts";
import { readSource } from "./read-source.ts";

const application = (source: object, more: object = {}): object =>
  object("argoproj.io/v1alpha1", "Application", { spec: { ...source, ...more } });
const chart = { chart: "cilium", repoURL: "https://helm.cilium.io", targetRevision: "1.18.6" };

const read = async (files: Files): Promise<SourceCluster[]> => readSource([folderOf(files)]);
const valuesFiles = {
  "values/base.yaml": { MTU: 1400, tunnelPort: 1 },
  "values/alpha.yaml": valuesOf("alpha", 1, { MTU: 1450 }),
  "values/beta.yaml": valuesOf("beta", 2),
};
const expected = [
  { name: "alpha", id: 1, values: { MTU: 1450, tunnelPort: 1 }, notes: [] },
  { name: "beta", id: 2, values: { MTU: 1400, tunnelPort: 1 }, notes: [] },
];

const tools: [string, Files][] = [
  [
    "Argo CD, from a second repository",
    Object.fromEntries(
      ["alpha", "beta"].map((name) => [
        `apps/${name}.yaml`,
        application({
          sources: [
            {
              ...chart,
              helm: { valueFiles: ["$repo/values/base.yaml", `$repo/values/${name}.yaml`] },
            },
            { repoURL: "https://git.example/x", targetRevision: "main", ref: "repo" },
          ],
        }),
      ]),
    ),
  ],
  [
    "Argo CD, relative to the chart",
    Object.fromEntries(
      ["alpha", "beta"].map((name) => [
        `apps/${name}.yaml`,
        application({
          source: {
            path: "charts/cilium",
            helm: { valueFiles: ["../../values/base.yaml", `/values/${name}.yaml`] },
          },
        }),
      ]),
    ),
  ],
  [
    "an ApplicationSet",
    {
      "set.yaml": object("argoproj.io/v1alpha1", "ApplicationSet", {
        spec: {
          generators: [{ list: { elements: [{ name: "alpha" }, { name: "beta" }] } }],
          template: {
            spec: {
              source: {
                ...chart,
                helm: { valueFiles: ["values/base.yaml", "values/{{name}}.yaml"] },
              },
            },
          },
        },
      }),
    },
  ],
  [
    "a script",
    {
      "install.sh": ["alpha", "beta"]
        .map(
          (name) =>
            `helm upgrade --install cilium cilium/cilium -f values/base.yaml --values values/${name}.yaml`,
        )
        .join("\n"),
    },
  ],
  [
    "helmfile",
    {
      "helmfile.yaml": {
        releases: ["alpha", "beta"].map((name) => ({
          name: "cilium",
          chart: "cilium/cilium",
          values: ["values/base.yaml", `./values/${name}.yaml`],
        })),
      },
    },
  ],
  [
    "Fleet",
    {
      "fleet.yaml": {
        helm: { chart: "cilium", valuesFiles: ["values/base.yaml"] },
        targetCustomizations: ["alpha", "beta"].map((name) => ({
          name,
          helm: { valuesFiles: [`values/${name}.yaml`] },
        })),
      },
    },
  ],
];

describe("values files that another file names", () => {
  test.each(tools)("%s: in the order of the tool, and none is read on its own", async (_, files) => {
    expect(await read({ ...files, ...valuesFiles })).toMatchObject(expected);
  });

  test("Flux: below the release's own values", async () => {
    const release = (name: string): object =>
      object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
        spec: {
          chart: {
            spec: { chart: "./charts/cilium", valuesFiles: ["values/base.yaml", `values/${name}.yaml`] },
          },
          values: { tunnelPort: 2 },
        },
      });
    const clusters = await read({ "a.yaml": release("alpha"), "b.yaml": release("beta"), ...valuesFiles });
    expect(clusters.map((c) => c.values)).toMatchObject([
      { MTU: 1450, tunnelPort: 2 },
      { MTU: 1400, tunnelPort: 2 },
    ]);
  });

  test("Fleet: the files of all, then a target's values, then its files", async () => {
    const fleet = {
      helm: {
        chart: "cilium",
        values: { MTU: 1, debug: { enabled: true } },
        valuesFiles: ["values/base.yaml"],
      },
      targetCustomizations: [
        { name: "alpha", helm: { values: { tunnelPort: 3, MTU: 3 }, valuesFiles: ["values/alpha.yaml"] } },
        { name: "beta", helm: { values: { tunnelPort: 4 }, valuesFiles: ["values/beta.yaml"] } },
      ],
    };
    const [alpha, beta] = await read({ "fleet.yaml": fleet, ...valuesFiles });
    expect(alpha).toMatchObject({ id: 1, values: { MTU: 1450, tunnelPort: 3, debug: { enabled: true } } });
    expect(beta).toMatchObject({ id: 2, values: { MTU: 1400, tunnelPort: 4 } });
  });

  test("a file that is in no place, in two, encrypted or remote is named", async () => {
    const valueFiles = [
      "none.yaml",
      "$r/own/two.yaml",
      "secret.yaml",
      "https://x/y.yaml",
      "values-{{env}}.yaml",
    ];
    const [alpha] = await read({
      "app.yaml": application({
        source: { ...chart, helm: { valueFiles, valuesObject: valuesOf("alpha", 1) } },
      }),
      "a/own/two.yaml": valuesOf("alpha", 1, { MTU: 1 }),
      "b/own/two.yaml": valuesOf("beta", 2, { MTU: 2 }),
      "secret.yaml": { MTU: "ENC[AES256_GCM,data:x]", sops: { version: "3" } },
    });
    const told = pathsOf(alpha).join("\n");
    expect(told).toContain("none.yaml: in no file");
    expect(told).toMatch(/own\/two.yaml: in several files: .*a\/own\/two.yaml, .*b\/own\/two.yaml/);
    expect(told).toContain("secret.yaml: it is encrypted");
    expect(told).toContain("https://x/y.yaml: it is not a local file");
    expect(told).toContain("values-{{env}}.yaml: its name is not known");
  });

  test("those of another chart are not taken", async () => {
    const [alpha] = await read({
      "grafana.yaml": application({ source: { chart: "grafana", helm: { valueFiles: ["alpha.yaml"] } } }),
      "alpha.yaml": valuesOf("alpha", 1),
      "beta.yaml": valuesOf("beta", 2),
    });
    expect(alpha).toMatchObject({ name: "alpha", id: 1 });
  });

  test("a text that is no YAML file of values is an error only where it is read on its own", async () => {
    const list = toYaml([1, 2]);
    const app = application({
      source: { ...chart, helm: { valueFiles: ["list.yaml"], valuesObject: valuesOf("alpha", 1) } },
    });
    const [alpha] = await read({ "app.yaml": app, "list.yaml": list, "beta.yaml": valuesOf("beta", 2) });
    expect(pathsOf(alpha).join("\n")).toContain("list.yaml: it holds no values");
  });
});

describe("charts around Cilium's", () => {
  const app = (name: string): object =>
    application({
      source: {
        path: "charts/cni",
        targetRevision: "main",
        helm: { valueFiles: ["values.yaml", `values-${name}.yaml`] },
      },
    });
  const umbrella = {
    "charts/cni/Chart.yaml": {
      name: "cni",
      version: "0.3.0",
      dependencies: [{ name: "cilium", version: "1.18.6" }],
    },
    "charts/cni/values.yaml": { cilium: { cluster: { name: "set-me", id: 0 }, MTU: 1400 } },
    "charts/cni/values-alpha.yaml": { cilium: valuesOf("alpha", 1) },
    "charts/cni/values-beta.yaml": { cilium: valuesOf("beta", 2) },
    "charts/cni/charts/other/values.yaml": valuesOf("gamma", 3),
  };

  test("say Cilium's version, and their values are of the Applications that name them", async () => {
    const clusters = await read({ ...umbrella, "a.yaml": app("alpha"), "b.yaml": app("beta") });
    expect(clusters).toMatchObject([
      { name: "alpha", id: 1, cilium: "1.18.6", values: { MTU: 1400 }, notes: [] },
      { name: "beta", id: 2, cilium: "1.18.6", values: { MTU: 1400 }, notes: [] },
    ]);
  });

  test("one in each cluster's folder", async () => {
    const files = (name: string, id: number): Files => ({
      [`${name}/Chart.yaml`]: umbrella["charts/cni/Chart.yaml"],
      [`${name}/values.yaml`]: { cilium: valuesOf(name, id) },
    });
    const clusters = await read({ ...files("alpha", 1), ...files("beta", 2) });
    expect(clusters.map((c) => [c.name, c.cilium])).toEqual([
      ["alpha", "1.18.6"],
      ["beta", "1.18.6"],
    ]);
  });

  test("the defaults of a copy of Cilium's chart are of no cluster", async () => {
    const [alpha, beta, ...more] = await read({
      "chart/Chart.yaml": { name: "cilium", version: "1.18.6" },
      "chart/values.yaml": { cluster: { name: "default", id: 0 } },
      "chart/alpha.yaml": valuesOf("alpha", 1),
      "chart/beta.yaml": valuesOf("beta", 2),
    });
    expect([alpha?.cilium, beta?.name, more]).toEqual(["1.18.6", "beta", []]);
    expect(pathsOf(alpha).join("\n")).toContain("the defaults of a copy of Cilium's chart");
  });
});
