import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keysOf, typeOf } from "./json-schema.ts";
import { code, sentence, table } from "./markdown.ts";
import { referenceDir, referencePages } from "./pages.ts";

const pages = await referencePages();

test("there is a page for each record, and no other", () => {
  expect(globSync("**/*.md", { cwd: referenceDir() }).sort()).toEqual(pages.map((p) => p.file).sort());
});

test.each(pages)("$file matches the records; `npm run reference` updates it", ({ file, text }) => {
  expect(readFileSync(join(referenceDir(), file), "utf8")).toBe(text);
});

test("every command, option, key of a lab file and budget has a meaning", () => {
  for (const name of ["cli.md", "lab-file.md", "budgets.md"]) {
    const rows = pages.find((p) => p.file === name)?.text.match(/^\| .*\|$/gm) ?? [];
    expect(rows.length, name).toBeGreaterThan(10);
    expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
  }
});

test("cells and code may contain any text", () => {
  expect(
    table(["a"], [["x|y\n z"]])
      .split("\n")
      .at(-1),
  ).toBe("| x\\|y z |");
  expect(code("a `b` c")).toBe("`` a `b` c ``");
  expect(sentence("loses <all>")).toBe("Loses &lt;all>.");
});

test("keys of arrays and maps show their path", () => {
  const schema = {
    type: "object",
    required: ["a"],
    properties: {
      a: { type: "array", items: { type: "object", properties: { b: { enum: ["x", 1] } } } },
      c: { type: "object", additionalProperties: { anyOf: [{ type: "number" }, { type: "null" }] } },
    },
  };
  expect(keysOf(schema).map((k) => [k.path, typeOf(k.schema), k.required])).toEqual([
    ["a", "array of object", true],
    ["a[].b", '`"x"` or `1`', false],
    ["c", "map of number or null", false],
  ]);
});
