import { createHash } from "node:crypto";
import { chmod, copyFile, glob, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { StepHandle } from "#harness/lib/progress.ts";
import { parseRecord } from "#harness/lib/records.ts";
import type { Provenance } from "#harness/model/artifacts.ts";
import { substitutionNotesFormat } from "#harness/model/image-store.ts";
import { outputOf } from "#harness/platform/command.ts";
import {
  build,
  buildFailure,
  downloadModule,
  editMod,
  type GoBuild,
  type GoModule,
  goVersion,
} from "#harness/platform/go.ts";
import { contentKey } from "#harness/platform/paths.ts";
import type { Store } from "../store.ts";
import type { GoComponent } from "./components.ts";
import { settleRequirements } from "./requirements.ts";
import { substitutionsFor } from "./substitutions.ts";

export interface BuiltComponent {
  /** The folder that holds the binaries. */
  readonly binDir: string;
  /** The module's sources. */
  readonly sourceDir: string;
  readonly key: string;
  readonly provenance: Provenance;
}

const labelOf = (component: GoComponent): string => `component ${component.name} ${component.version}`;

/** The module's sources: downloaded from the proxy and verified, or a local checkout, hashed in full. */
async function locate(component: GoComponent, signal: AbortSignal): Promise<GoModule> {
  if (component.checkout === undefined)
    return downloadModule(component.module, component.version, signal, labelOf(component));
  const sum = await hashTree(component.checkout);
  return {
    path: component.module,
    version: component.version,
    dir: component.checkout,
    sum: `sha256:${sum}`,
    revision: `local-${sum.slice(0, 8)}`,
    time: "1970-01-01T00:00:00Z",
  };
}

async function hashTree(dir: string): Promise<string> {
  const hash = createHash("sha256");
  const files = await Array.fromAsync(
    glob("**/*", {
      cwd: dir,
      withFileTypes: true,
      exclude: (entry) => [".git", "vendor", "Documentation", "test"].includes(entry.name),
    }),
  );
  const paths = files
    .filter((f) => f.isFile())
    .map((f) => join(f.parentPath, f.name))
    .sort();
  for (const path of paths) hash.update(path.slice(dir.length)).update(await readFile(path));
  return hash.digest("hex");
}

/** The substitutions that choose what is compiled. A refused fork leaves no choice, so it is not part of the key. */
function chosenFor({ name, version }: GoComponent): string[] {
  const chosen = substitutionsFor(name, version).filter((s) => s.instead.kind !== "without-fork");
  return chosen.length === 0 ? [] : [JSON.stringify(chosen)];
}

/** The component's binaries, from the store or compiled. A lock serialises two builds of the same key. */
export async function buildComponent(
  component: GoComponent,
  store: Store,
  step: StepHandle,
  signal: AbortSignal,
): Promise<BuiltComponent> {
  step.detail("fetching the module");
  const module = await locate(component, signal);
  const recipe = [
    component.packages.join(" "),
    component.tags?.join(",") ?? "",
    component.ldflags?.(module) ?? "",
    component.main ?? "",
    ...chosenFor(component),
    ...(component.generated === undefined ? [] : [component.generated.key]),
  ];
  const key = contentKey(module.sum, await goVersion(), ...recipe);
  const binDir = await store.entry("go", `${component.name}-${component.version}-${key}`, async (staging) => {
    const modFile = join(staging, "build.mod");
    await copyFile(join(module.dir, "go.mod"), modFile);
    await chmod(modFile, 0o644);
    await copyFile(join(module.dir, "go.sum"), join(staging, "build.sum"));
    await chmod(join(staging, "build.sum"), 0o644);
    const notes = await settleRequirements(component, modFile, { staging, signal });
    await writeFile(join(staging, "dropped.json"), JSON.stringify(notes));
    let dir = module.dir;
    if (component.main !== undefined) {
      // The main package is in a module of its own with upstream's dependencies, because the module cache is
      // read-only.
      dir = staging;
      await writeFile(join(staging, "main.go"), component.main);
      await editMod(modFile, [
        `-module=meshproof.local/${component.name}`,
        `-require=${module.path}@${module.version}`,
      ]);
      await copyFile(modFile, join(staging, "go.mod"));
    }
    await mkdir(join(staging, "bin"));
    step.detail("compiling");
    await builds(component, {
      dir,
      modFile,
      packages: component.packages,
      tags: component.tags ?? [],
      ldflags: component.ldflags?.(module) ?? "",
      outDir: join(staging, "bin"),
      signal,
      onLine: (line) => step.detail(line.slice(0, 100)),
    });
  });
  const notesFile = join(binDir, "dropped.json");
  const notes = parseRecord(await readFile(notesFile, "utf8"), substitutionNotesFormat, {
    what: `the build notes ${notesFile}`,
    remedy: `remove ${binDir}; the next run rebuilds it`,
    code: "build-failed",
  });
  return {
    binDir: join(binDir, "bin"),
    sourceDir: module.dir,
    key,
    provenance: {
      name: component.name,
      version: component.version,
      origin: component.checkout === undefined ? `Go module ${component.module}` : "local checkout",
      sum: module.sum,
      ...(notes.length === 0 ? {} : { notes }),
    },
  };
}

/** Runs `go build`; an error names the component. */
async function builds(component: GoComponent, options: GoBuild): Promise<void> {
  try {
    await build(options);
  } catch (error) {
    if (!(error instanceof MeshproofError) || error.code !== "command-failed") throw error;
    throw buildFailure(labelOf(component), error, outputOf(error));
  }
}
