import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Files, folderOf, object, pathsOf, valuesOf } from "./gitops/example-files.ts";
import { readSource } from "./read-source.ts";

const read = (files: Files) => readSource([folderOf(files)]);
const app = (helm: object): object =>
  object("argoproj.io/v1alpha1", "Application", {
    spec: { source: { chart: "cilium", targetRevision: "1.18.6", helm } },
  });
const both = [
  object("argoproj.io/v1alpha1", "AppProject", { spec: {} }),
  app({ valuesObject: valuesOf("alpha", 1) }),
  app({ valuesObject: valuesOf("beta", 2) }),
];

test.each([
  ["JSON", "apps.json"],
  ["YAML", "apps.yaml"],
])(
  "a file of %s whose root is a list: Applications of one name are clusters of their own",
  async (_, name) => {
    const clusters = await read({ [name]: JSON.stringify(both) });
    expect(clusters.map((c) => [c.name, c.id, c.cilium])).toEqual([
      ["alpha", 1, "1.18.6"],
      ["beta", 2, "1.18.6"],
    ]);
    expect(pathsOf(clusters[0]).join("\n")).toContain(`${name}: holds AppProject`);
  },
);

test("objects of such a list can be named by others", async () => {
  const release = object("helm.toolkit.fluxcd.io/v2", "HelmRelease", {
    spec: {
      chart: { spec: { chart: "cilium", version: "1.18.6" } },
      valuesFrom: [{ kind: "ConfigMap", name: "more" }],
      values: valuesOf("alpha", 1),
    },
  });
  const map = object("v1", "ConfigMap", { data: { "values.yaml": "MTU: 1400\n" } }, "more");
  const [alpha] = await read({
    "a.json": JSON.stringify([release, map]),
    "beta.yaml": valuesOf("beta", 2),
  });
  expect(alpha).toMatchObject({ name: "alpha", values: { MTU: 1400 } });
});

test.each([
  ["valuesObject in place of values", { valuesObject: valuesOf("alpha", 1) }, undefined],
  [
    "an empty valuesObject too",
    { valuesObject: {}, parameters: [{ name: "cluster.name", value: "alpha" }] },
    undefined,
  ],
  ["values beside a valuesObject of null", { valuesObject: null }, 1400],
])("Argo CD uses %s", async (_, helm, mtu) => {
  const values = `cluster: { name: alpha, id: 1 }\nMTU: 1400\n`;
  const [alpha] = await read({ "a.yaml": app({ values, ...helm }), "beta.yaml": valuesOf("beta", 2) });
  expect([alpha?.name, alpha?.values.MTU]).toEqual(["alpha", mtu]);
  expect(pathsOf(alpha).join("\n").includes("spec.source.helm.values: set of Application")).toBe(
    mtu === undefined,
  );
});

test("a folder beside the chart of an Application is named once, though every source has it beside it", async () => {
  const chart = { chart: "cilium", targetRevision: "1.18.6", helm: { valuesObject: valuesOf("alpha", 1) } };
  const sources = [chart, { path: "policies/alpha" }];
  const several = object("argoproj.io/v1alpha1", "Application", { spec: { sources } });
  const [alpha] = await read({ "a.yaml": several, "beta.yaml": valuesOf("beta", 2) });
  expect(pathsOf(alpha)).toEqual([expect.stringContaining("spec.sources[1].path (policies/alpha)")]);
});

test("of several files that cannot be used, each is named", async () => {
  const described = "Name:         x\nNamespace:    y\n";
  const dir = folderOf({ "a.txt": described, "b.txt": described });
  await expect(readSource([`${dir}/a.txt`, `${dir}/b.txt`])).rejects.toThrow(
    /^the files cannot be used as they are:\n {2}- \S+a\.txt is output .*\n {2}- \S+b\.txt is output [^\n]*$/,
  );
});

test("UTF-16 and CRLF, as PowerShell writes them, are read", async () => {
  const text = "USER-SUPPLIED VALUES:\r\ncluster:\r\n  name: alpha\r\n  id: 1\r\nlabels: größe\r\n";
  const utf16 = Buffer.from(`\uFEFF${text}`, "utf16le");
  const dir = folderOf({
    "beta.yaml": `\uFEFFUSER-SUPPLIED VALUES:\r\ncluster:\r\n  name: beta\r\n  id: 2\r\n`,
  });
  writeFileSync(`${dir}/alpha.yaml`, utf16);
  writeFileSync(
    `${dir}/objects.yaml`,
    Buffer.from(`\uFEFFkind: Namespace\r\napiVersion: v1\r\nmetadata:\r\n  name: x\r\n`, "utf16le").swap16(),
  );
  const [alpha, beta] = await readSource([
    `${dir}/alpha.yaml`,
    `alpha=${dir}/objects.yaml`,
    `${dir}/beta.yaml`,
  ]);
  expect(alpha).toMatchObject({
    name: "alpha",
    values: { cluster: { name: "alpha", id: 1 }, labels: "größe" },
    namespaces: [{ metadata: { name: "x" } }],
  });
  expect(Object.keys(beta?.values ?? {})).toEqual(["cluster"]);
});
