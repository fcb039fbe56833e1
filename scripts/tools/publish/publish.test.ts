import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { readPublished, tableMarks, tables } from "./publish.ts";

test.each(tables)("the table of %s matches the published figures", async (file, tableOf) => {
  const published = await readPublished();
  expect(published.length).toBeGreaterThan(0);
  const page = await readFile(join(repoRoot(), file), "utf8");
  const [begin, end] = tableMarks;
  const table = page.slice(page.indexOf(begin) + begin.length, page.indexOf(end)).trim();
  expect(table.split("\n").length).toBeGreaterThan(4);
  expect(table).toBe(tableOf(published));
});
