import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { anchorsOf, linksOf } from "./markdown-links.ts";

const root = repoRoot();
const pages = globSync(
  ["*.md", "docs/**/*.md", "{reports,scripts,suites}/README.md", "harness/*/README.md"],
  {
    cwd: root,
  },
);
const read = (file: string): string => readFileSync(join(root, file), "utf8");

test.each(pages)("every link of %s leads to a file and a heading that exist", (from) => {
  const broken = linksOf(read(from)).filter(({ path, anchor }) => {
    const file = path === "" ? from : normalize(join(dirname(from), path));
    if (file.startsWith("..") || !existsSync(join(root, file))) return true;
    return anchor !== undefined && !(file.endsWith(".md") && anchorsOf(read(file)).has(anchor));
  });
  expect(broken).toEqual([]);
});

test("pages are found, including the README and the reference", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/README.md", "docs/reference/README.md"]));
  expect(linksOf(read("README.md")).length).toBeGreaterThan(20);
});

test("links are found, but not text that only resembles a link", () => {
  const markdown = 'a [b](c.md#d) ![e](f.png "g") [h](https://i/j) `[k](l)` [m](#n)\n```\n[o](p)\n```\n';
  expect(linksOf(markdown)).toEqual([
    { path: "c.md", anchor: "d" },
    { path: "f.png" },
    { path: "", anchor: "n" },
  ]);
});

test("anchors are those of GitHub", () => {
  const markdown = "# A b: `c` (d)\n## x\n## x\n```sh\n# no heading\n```\n### [l](m) - n\n";
  expect([...anchorsOf(markdown)]).toEqual(["a-b-c-d", "x", "x-1", "l---n"]);
});
