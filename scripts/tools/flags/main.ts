// `node scripts/tools/flags/main.ts`: writes harness/semantics/flags.json from Cilium's modules of the versions that
// harness/semantics/chart-settings.ts names. Then run biome over the file.
import { globSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeError } from "#harness/lib/errors.ts";
import { downloadModule } from "#harness/platform/go.ts";
import { guardOutput } from "#harness/platform/output.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { chartsRead } from "#harness/semantics/chart-settings.ts";
import { flagTable, type ReleaseFiles } from "./flags.ts";

guardOutput();
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const textOf = (dir: string, ...globs: readonly string[]): string =>
  globSync(globs, { cwd: dir })
    .map((file) => readFileSync(join(dir, file), "utf8"))
    .join("\n");

/** The operators of clouds have flags of their own. */
const pages: Readonly<Record<string, string>> = {
  agent: "cilium-agent.md",
  operator: "cilium-operator{,-alibabacloud,-aws,-azure,-generic}.md",
  "clustermesh-apiserver": "clustermesh-apiserver_clustermesh.md",
  kvstoremesh: "clustermesh-apiserver_kvstoremesh.md",
};

try {
  const releases: ReleaseFiles[] = [];
  for (const version of chartsRead) {
    const { dir } = await downloadModule("github.com/cilium/cilium", `v${version}`, stop.signal);
    const reference = Object.entries(pages).map(([program, page]) => [
      program,
      textOf(dir, `Documentation/cmdref/${page}`),
    ]);
    const sources = ["pkg", "daemon", "operator", "clustermesh-apiserver"];
    releases.push({
      version,
      reference: Object.fromEntries(reference),
      sources: textOf(dir, ...sources.map((folder) => `${folder}/**/!(*_test).go`)),
      configMap: textOf(dir, "install/kubernetes/cilium/templates/cilium-configmap.yaml"),
    });
  }
  const path = join(repoRoot(), "harness/semantics/flags.json");
  await writeFile(path, `${JSON.stringify(flagTable(releases), null, 2)}\n`);
  process.stdout.write(`${path}\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 2;
}
