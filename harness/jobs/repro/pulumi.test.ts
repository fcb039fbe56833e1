import { expect, test } from "vitest";
import { folderOf } from "./gitops/example-files.ts";
import { refusePulumi } from "./pulumi.ts";
import { readSource } from "./read-source.ts";

const cluster = { name: "${clusterName}", id: "${clusterId}" };
const program = {
  name: "mesh",
  runtime: "yaml",
  config: { clusterName: { type: "string" } },
  resources: {
    cilium: { type: "kubernetes:helm.sh/v3:Release", properties: { values: { cluster, MTU: 1 } } },
  },
};
const stack = (name: string): object => ({ encryptedkey: "c2VjcmV0", config: { "mesh:clusterName": name } });

test("a program and its stacks are all named at once, with the remedy once, and no key is quoted", async () => {
  const dir = folderOf({
    "Pulumi.yaml": program,
    "Pulumi.par.yaml": stack("par"),
    "Pulumi.lyo.yaml": stack("lyo"),
  });
  const names = ["Pulumi.yaml", "Pulumi.par.yaml", "Pulumi.lyo.yaml"];
  const error: unknown = await readSource(names.map((n) => `${dir}/${n}`)).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "usage" });
  const { message, remedy } = error as { message: string; remedy: string };
  expect(message.split("\n").slice(1)).toEqual([
    expect.stringMatching(
      /Pulumi\.yaml is a program of Pulumi.* at resources\.cilium\.properties\.values, with variables \$\{clusterName\}, \$\{clusterId\}$/,
    ),
    expect.stringMatching(/Pulumi\.par\.yaml is the configuration of a stack of Pulumi/),
    expect.stringMatching(/Pulumi\.lyo\.yaml is the configuration of a stack of Pulumi/),
  ]);
  expect(message).not.toContain("c2VjcmV0");
  expect(remedy.match(/helm get values/g)).toHaveLength(1);
});

test.each([
  ["a program of another language", { name: "mesh", runtime: { name: "nodejs" } }, "Pulumi.yaml"],
  ["a stack without secrets, by the names in it", { config: { "mesh:id": "1" } }, "settings.yaml"],
  ["a stack of one secret, by its file", { config: { id: 1 } }, "Pulumi.dev.yaml"],
])("%s is refused", (_, document, path) => {
  expect(() => refusePulumi(document, path)).toThrow(/of Pulumi/);
});

test.each([
  ["values with a name", { name: "cilium-agent", cluster: { name: "a", id: 1 } }],
  ["values below `config` of another program", { config: { level: "info" } }],
  ["an object", { kind: "RuntimeClass", name: "a", runtime: "b" }],
  ["an empty file", {}],
])("%s is not", (_, document) => {
  expect(() => refusePulumi(document, "values.yaml")).not.toThrow();
});

test("beside the values of a folder a program without values is left out by name", async () => {
  const dir = folderOf({
    "Pulumi.yaml": { name: "mesh", runtime: "go" },
    "a.yaml": { cluster: { name: "alpha", id: 1 } },
    "b.yaml": { cluster: { name: "beta", id: 2 } },
  });
  const [alpha] = await readSource([dir]);
  expect(alpha?.notes).toMatchObject([{ inSource: expect.stringContaining("is a program of Pulumi") }]);
});
