import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { publishedTable } from "#harness/report/published.ts";
import { readPublished, tableMarks } from "./publish.ts";

const cells = (table: string): string[][] =>
  table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((c) => c.trim().replace(/^-+$/, "---")));

test("the README's table is made from what is published", async () => {
  const published = await readPublished();
  expect(published.length).toBeGreaterThan(0);
  const readme = await readFile(join(repoRoot(), "README.md"), "utf8");
  const [begin, end] = tableMarks;
  const table = readme.slice(readme.indexOf(begin) + begin.length, readme.indexOf(end));
  expect(cells(table)).toEqual(cells(publishedTable(published)));
});
