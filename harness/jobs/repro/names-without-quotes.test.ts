import { describe, expect, test } from "vitest";
import { type Files, folderOf } from "./gitops/example-files.ts";
import { firstLines } from "./plan-examples.ts";
import { readSource } from "./read-source.ts";

/** As a person writes it. */
const values = (name: string, id: string, peers: string): string =>
  [
    `cluster: { name: ${name}, id: ${id} }`,
    "image: { tag: v1.20.2 }",
    `ipam: { operator: { clusterPoolIPv4PodCIDRList: ["10.${id.length}${name.length}.0.0/16"] } }`,
    `clustermesh: { useAPIServer: true, config: { enabled: true, clusters: ${peers} } }`,
    "",
  ].join("\n");
const read = async (files: Files, ...names: string[]) => {
  const dir = folderOf(files);
  return readSource(names.map((name) => `${name}=${dir}/${name}.yaml`));
};

test("an id with a leading zero is octal, as in Helm", async () => {
  const lines = await firstLines({
    "oslo.yaml": values("oslo", "010", "[{ name: bergen }]"),
    "bergen.yaml": values("bergen", "8", "[{ name: oslo }]"),
  });
  expect(lines[0]).toContain("bergen, oslo: cluster id: 8 in 2 clusters");
});

describe("a cluster named no without quotes", () => {
  const files = {
    "no.yaml": values("no", "21", "[{ name: se }]"),
    "se.yaml": values("se", "2", "[{ name: no }]"),
  };

  test("has no name, so its file is not taken for one of the other cluster", async () => {
    const dir = folderOf(files);
    const why =
      "no.yaml does not name its cluster: cluster.name is false, no text (n, no, off and false without quotes are false in Helm's YAML)";
    await expect(readSource([dir])).rejects.toThrow(why);
    await expect(readSource([`${dir}/no.yaml`, `${dir}/se.yaml`])).rejects.toThrow(why);
  });

  test("is refused by the chart, where the file was given with its name", async () => {
    const [no] = await read(files, "no", "se");
    expect(no).toMatchObject({ name: "no", id: 21, values: { cluster: { name: false } } });
  });

  test("with quotes it is a name", async () => {
    const [no] = await read({ ...files, "no.yaml": values('"no"', "21", "[{ name: se }]") }, "no", "se");
    expect(no).toMatchObject({ name: "no", values: { cluster: { name: "no" } } });
  });
});

test("a peer named no without quotes is a line, and no cluster false", async () => {
  const lines = await firstLines({
    "no.yaml": values('"no"', "21", "[{ name: se }]"),
    "se.yaml": values("se", "2", "[{ name: no }]"),
  });
  expect(lines).toEqual([
    expect.stringMatching(/^se: value clustermesh\S+: item 1 with the name false: .* \[yes\]$/),
  ]);
});

test("a key of peers named no without quotes is said to be one", async () => {
  const lines = await firstLines({
    "no.yaml": values('"no"', "21", "{ se: {} }"),
    "se.yaml": values("se", "2", "{ no: {} }"),
  });
  expect(lines).toEqual([
    expect.stringMatching(/^se: clustermesh\.config\.clusters: lists false \(n, no, off .*\), and not no:/),
  ]);
});
