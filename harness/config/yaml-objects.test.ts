import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { parseYamlObjects, readYamlObjects } from "./yaml-objects.ts";

test("anchors, aliases and merge keys are replaced, as Helm does", () => {
  const text =
    "small: &small { requests: { cpu: 50m } }\na: { <<: *small, limits: { memory: 1Gi } }\nb: *small\n";
  expect(parseYamlObjects(text, "x.yaml")).toEqual([
    {
      value: {
        small: { requests: { cpu: "50m" } },
        a: { requests: { cpu: "50m" }, limits: { memory: "1Gi" } },
        b: { requests: { cpu: "50m" } },
      },
      repeatedKeys: [],
    },
  ]);
});

test("of equal keys the last counts, and they are named", () => {
  expect(parseYamlObjects("a: { id: 1 }\na: { id: 2 }\n---\n---\nb: 1\n", "x.yaml")).toEqual([
    { value: { a: { id: 2 } }, repeatedKeys: ["a"] },
    { value: { b: 1 }, repeatedKeys: [] },
  ]);
});

const tenfold = (levels: number): string =>
  [
    "a0: &a0 [x, x, x, x, x, x, x, x, x, x]",
    ...Array.from({ length: levels }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(10)}]`),
  ].join("\n");

test.each([
  ["a bomb of aliases", tenfold(9), "fewer YAML aliases"],
  ["an alias of itself", "a: &a [*a]\n", ""],
  ["20,000 brackets", `a: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`, "so many levels"],
  ["a template", "{{- if .Values.x }}\na: {{ b }}\n{{ end }}\n", "rendered form"],
])("%s is refused by name", (_, text, remedy) => {
  let error: unknown;
  try {
    parseYamlObjects(text, "x.yaml");
  } catch (e) {
    error = e;
  }
  expect(error).toMatchObject({
    message: expect.stringContaining("x.yaml"),
    remedy: expect.stringContaining(remedy),
  });
});

test("brackets within brackets are nested too deeply, and not wrong YAML", () => {
  for (const text of ["[".repeat(20_000), `${"{a: ".repeat(20_000)}${"}".repeat(20_000)}`])
    expect(() => parseYamlObjects(text, "x.yaml")).toThrow(
      "x.yaml is nested too deeply: more than 200 levels",
    );
});

test("a file over the limit is refused before it is parsed", () => {
  const path = join(tempFolder("yaml"), "large.yaml");
  writeFileSync(path, "#".repeat(17 * 1024 ** 2));
  expect(() => readYamlObjects(path, "a file")).toThrow("large.yaml has 17 MiB; the limit is 16 MiB");
});

test.each([
  [
    "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> x\n",
    "x.yaml holds a merge conflict of git (its marker is in line 2)",
  ],
  ['{"a": [1, 2', "x.yaml ends early: its JSON is not complete"],
  ['{"a": "b\n', "x.yaml ends early: its JSON is not complete"],
  ['{"a": {"b": 1},\n', "x.yaml ends early: its JSON is not complete"],
  ['{"a": [1 2}', "x.yaml is not YAML: "],
  ["a: [1, 2\n", "x.yaml is not YAML: "],
])("%j is refused for what it is", (text, message) => {
  expect(() => parseYamlObjects(text, "x.yaml")).toThrow(message);
});
