import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readCiliumSpec } from "#harness/config/cilium-spec.ts";
import { pins } from "#harness/config/pins.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { packageChart } from "#harness/platform/helm.ts";
import { ciliumModule, type GoComponent } from "./components.ts";

/** The versions whose charts the CLI holds: the supported ones and the lab's; a checkout's chart has no version. */
export function chartVersions(lab: Iterable<string>): string[] {
  const wanted = [...lab].map(readCiliumSpec).filter((spec) => spec.checkout === undefined);
  const supported = Object.values(pins.minors).map((minor) => minor.cilium);
  return [...new Set([...supported, ...wanted.map((spec) => spec.version)])].sort();
}

/** The name under which the CLI looks for the chart of a version. */
const chartFile = (version: string): string => `cilium-${version}.tgz`;

interface Charts {
  readonly helm: string;
  readonly versions: readonly string[];
  /** The folder of a version's chart. */
  readonly chartDir: (version: string) => Promise<string>;
  readonly signal: AbortSignal;
}

/** The Cilium CLI. Without any chart in it, it panics at start. */
export function ciliumCli({ helm, versions, chartDir, signal }: Charts): GoComponent {
  return {
    name: "cilium-cli",
    module: ciliumModule,
    version: pins.ciliumCli,
    packages: ["./cilium-cli/cmd/cilium"],
    ldflags: () => `-X ${ciliumModule}/cilium-cli/defaults.CLIVersion=${pins.ciliumCli}`,
    generated: {
      key: versions.map(chartFile).join(" "),
      async write(dir) {
        for (const version of versions)
          await packageChart({ helm, dir: await chartDir(version), to: dir, signal });
        requireCharts(await readdir(dir), versions);
      },
    },
  };
}

/** A chart under another name would be one that the CLI does not find, and tries to download. */
export function requireCharts(files: readonly string[], versions: readonly string[]): void {
  const missing = versions.map(chartFile).filter((name) => !files.includes(name));
  if (missing.length === 0) return;
  throw new MeshproofError(
    "build-failed",
    `packaging Cilium's charts for the Cilium CLI made no ${missing.join(", ")}, only ${files.join(", ")}`,
    { remedy: "compare the version in the chart's Chart.yaml with the requested one" },
  );
}

/** The folder of the chart in Cilium's module. */
export const chartIn = (moduleDir: string): string => join(moduleDir, "install/kubernetes/cilium");
