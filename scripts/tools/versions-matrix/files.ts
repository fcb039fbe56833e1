import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseRecord } from "#harness/lib/records.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { matrixFormat } from "./versions-matrix.ts";

export const dataFile = (): string => join(repoRoot(), "reports/published/versions.json");
export const pageFile = (): string => join(repoRoot(), "docs/results/versions.md");

export const readMatrix = async () =>
  parseRecord(await readFile(dataFile(), "utf8"), matrixFormat, {
    what: `the published runs (${dataFile()})`,
    remedy: "restore the file from git",
  });
