// `node scripts/tools/chart-values/main.ts`: writes harness/semantics/chart-values.json from the charts in Cilium's modules
// that harness/semantics/chart-settings.ts names. Then run biome over the file.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { describeError } from "#harness/lib/errors.ts";
import { downloadModule } from "#harness/platform/go.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { chartsRead } from "#harness/semantics/chart-settings.ts";
import { type ChartFiles, type Schema, tableOf } from "./chart-values.ts";

guardOutput();
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

/** Without the file that only stops an upgrade with certain values. */
async function textOf(dir: string): Promise<string> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter(
    (f) => f.isFile() && f.name !== "validate.yaml",
  );
  const texts = await Promise.all(files.map((f) => readFile(join(f.parentPath, f.name), "utf8")));
  return texts.join("\n");
}

try {
  const charts: ChartFiles[] = [];
  for (const version of chartsRead) {
    const { dir } = await downloadModule("github.com/cilium/cilium", `v${version}`, stop.signal);
    const chart = join(dir, "install/kubernetes/cilium");
    charts.push({
      version,
      schema: JSON.parse(await readFile(join(chart, "values.schema.json"), "utf8")) as Schema,
      values: parse(await readFile(join(chart, "values.yaml"), "utf8")) as Record<string, unknown>,
      templates: `${await textOf(join(chart, "templates"))}\n${await textOf(join(chart, "files"))}`,
    });
  }
  const path = join(repoRoot(), "harness/semantics/chart-values.json");
  await writeFile(path, `${JSON.stringify(tableOf(charts), null, 2)}\n`);
  process.stdout.write(`${path}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
