import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { found } from "#harness/lib/found.ts";
import { contentKey, repoRoot } from "#harness/platform/paths.ts";
import type { ImageEntry } from "./image.ts";

/** The in-cluster program as one file. */
async function bundleProber(): Promise<string> {
  const result = await build({
    entryPoints: [join(repoRoot(), "harness/probe/program/main.ts")],
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    write: false,
    logLevel: "silent",
  });
  return found(result.outputFiles[0], "output of esbuild for the prober").text;
}

/** The Node binary of npm's `node` package: the one that runs this process. */
function nodeBinary(): string {
  return join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin/node");
}

export async function proberEntries(): Promise<{ entries: ImageEntry[]; key: string }> {
  const text = await bundleProber();
  return {
    entries: [
      { from: nodeBinary(), to: "/usr/local/bin/node", mode: 0o755 },
      { text, to: "/prober/main.mjs" },
    ],
    key: contentKey(text, process.version),
  };
}
