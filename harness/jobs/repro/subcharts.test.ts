import { describe, expect, test } from "vitest";
import { type Files, folderOf, object, pathsOf, valuesOf } from "./gitops/example-files.ts";
import { readSource } from "./read-source.ts";

const read = (files: Files) => readSource([folderOf(files)]);
const dependencies = [{ name: "cilium", alias: "pods", version: "1.18.6", condition: "pods.enabled" }];
const chart = { name: "net", version: "1.0.0", dependencies };
const mesh = { clustermesh: { useAPIServer: true } };
const sites = {
  "net/values.yaml": { pods: { enabled: true, MTU: 1400, ...mesh } },
  "net/values-alpha.yaml": { global: { cluster: { id: 7 } }, pods: valuesOf("alpha", 1) },
  "net/values-beta.yaml": { pods: valuesOf("beta", 2), cilium: { MTU: 9000 } },
};
const isRead = [
  { name: "alpha", id: 1, cilium: "1.18.6", values: { MTU: 1400, ...mesh } },
  { name: "beta", id: 2, cilium: "1.18.6", values: { MTU: 1400, ...mesh } },
];

describe("values of Cilium's chart below the alias of a dependency", () => {
  test.each<[string, Files]>([
    ["Chart.yaml", { "net/Chart.yaml": chart }],
    [
      "requirements.yaml, as with Helm 2",
      { "net/Chart.yaml": { name: "net", version: "1.0.0" }, "net/requirements.yaml": { dependencies } },
    ],
  ])("by %s: each site over the chart's own values", async (_, files) => {
    const clusters = await read({ ...files, ...sites });
    expect(clusters).toMatchObject(isRead);
    // The condition is a value of the chart around.
    expect(clusters[0]?.values).not.toHaveProperty("enabled");
  });

  test("by a script, and by Applications", async () => {
    const line = (site: string): string => `helm upgrade -i net ./net -f net/values-${site}.yaml\n`;
    const files = { "net/Chart.yaml": chart, ...sites };
    expect(await read({ ...files, "up.sh": line("alpha") + line("beta") })).toMatchObject(isRead);
    const app = (site: string): object =>
      object("argoproj.io/v1alpha1", "Application", {
        spec: { source: { path: "net", helm: { valueFiles: ["values.yaml", `values-${site}.yaml`] } } },
      });
    const apps = { "apps/a.yaml": app("alpha"), "apps/b.yaml": app("beta") };
    const clusters = await read({ ...files, ...apps });
    expect(clusters).toMatchObject(isRead);
    expect(pathsOf(clusters[1]).join("\n")).toContain("cilium.MTU (9000)");
  });

  test("a table below the old name is dead, and named with its file", async () => {
    const [, beta] = await read({ "net/Chart.yaml": chart, ...sites });
    expect(pathsOf(beta).join("\n")).toMatch(
      /values below cilium: .*net\/values-beta\.yaml: `cilium` is the name of no dependency \(its alias is `pods`\).*cilium\.MTU \(9000\)/,
    );
    expect(beta?.values.MTU).toBe(1400);
  });

  test("an id below the old name leaves the chart's default in force", async () => {
    const [, beta] = await read({
      "net/Chart.yaml": chart,
      ...sites,
      "net/values-beta.yaml": { pods: { cluster: { name: "beta" } }, cilium: { cluster: { id: 2 } } },
    });
    expect(beta?.id).toBe(0);
  });

  test("without an alias, nothing is dead", async () => {
    const clusters = await read({
      "net/Chart.yaml": { ...chart, dependencies: [{ name: "cilium", version: "1.18.6" }] },
      "net/values.yaml": { cilium: { MTU: 1400 } },
      "net/values-alpha.yaml": { cilium: valuesOf("alpha", 1) },
      "net/values-beta.yaml": { cilium: valuesOf("beta", 2) },
    });
    expect(clusters).toMatchObject([
      { name: "alpha", values: { MTU: 1400 }, notes: [] },
      { name: "beta", values: { MTU: 1400 }, notes: [] },
    ]);
  });

  test("templates are named, and the policies in them as not rebuilt", async () => {
    const [alpha] = await read({
      "net/Chart.yaml": chart,
      ...sites,
      "net/templates/a.yaml": "{{ if .Values.x }}\nkind: CiliumNetworkPolicy\n{{ end }}\n",
      "net/templates/_b.tpl": "",
    });
    const notes = pathsOf(alpha).join("\n");
    expect(notes).toMatch(/net\/templates: templates of Helm, which are not rendered: _b\.tpl, a\.yaml/);
    expect(notes).toMatch(/policies in templates: .*net\/templates\/a\.yaml \(CiliumNetworkPolicy\)/);
  });
});
