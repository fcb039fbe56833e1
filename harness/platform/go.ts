import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshproofError } from "#harness/lib/errors.ts";
import { command, output } from "./command.ts";
import { linesThatMatter, refusedModule } from "./lines-that-matter.ts";

/** A module as reported by `go mod download -json`; `sum` is verified by the checksum database. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  readonly dir: string;
  readonly sum: string;
  readonly revision: string;
  readonly time: string;
}

const environment = { GOWORK: "off", GOFLAGS: "", CGO_ENABLED: "0" };

export async function goVersion(): Promise<string> {
  return output("go", ["env", "GOVERSION"], { env: environment });
}

/**
 * Downloads one module, verified by the checksum database. Throws `artifact-unavailable` if the module is refused; the
 * message names the component that needs it, if given.
 */
export async function downloadModule(
  path: string,
  version: string,
  signal: AbortSignal,
  neededBy?: string,
): Promise<GoModule> {
  const result = await command("go", ["mod", "download", "-json", `${path}@${version}`], {
    env: environment,
    cwd: "/",
    signal,
    tolerate: true,
  });
  let reported: {
    Error?: string;
    Dir?: string;
    Sum?: string;
    Info?: string;
    Version?: string;
    Origin?: { Hash?: string };
  };
  try {
    reported = JSON.parse(result.stdout);
  } catch {
    reported = { Error: result.stderr.trim() };
  }
  if (reported.Error !== undefined || reported.Dir === undefined || reported.Sum === undefined) {
    throw notServed({ module: path, version, why: reported.Error ?? "no answer" }, neededBy);
  }
  const info =
    reported.Info === undefined
      ? {}
      : (JSON.parse(await readFile(reported.Info, "utf8")) as { Time?: string });
  return {
    path,
    version: reported.Version ?? version,
    dir: reported.Dir,
    sum: reported.Sum,
    revision: (reported.Origin?.Hash ?? "0000000").slice(0, 7),
    time: info.Time ?? "1970-01-01T00:00:00Z",
  };
}

/** The versions of a module that the proxy lists; some of them may be refused. */
export async function versionsOf(path: string, signal: AbortSignal): Promise<string[]> {
  const listed = await output("go", ["list", "-m", "-versions", path], {
    env: environment,
    cwd: "/",
    signal,
  });
  return listed.trim().split(/\s+/).slice(1);
}

/** The error for a refused module, with the component that needs it. */
export function notServed(
  { module, version, why }: { readonly module: string; readonly version: string; readonly why: string },
  neededBy?: string,
): MeshproofError {
  const needed = neededBy === undefined ? "" : `, which ${neededBy} needs,`;
  const reason = linesThatMatter(why, "go").join("\n");
  return new MeshproofError(
    "artifact-unavailable",
    `Go module ${module}@${version}${needed} is not served: ${reason}`,
    {
      remedy:
        "choose a published version, for example `--cilium 1.20.2`; the module proxy or the checksum database permanently refuses some versions",
    },
  );
}

/** The error for a component that does not build: it names the refused module or contains the compiler's errors. */
export function buildFailure(component: string, error: MeshproofError, output: string): MeshproofError {
  const refused = refusedModule(output);
  if (refused !== undefined) return notServed(refused, component);
  return new MeshproofError("build-failed", `${component} does not build: ${error.message}`, {
    remedy: error.remedy ?? "build another version, or take images from a registry: --images registry",
  });
}

export interface GoReplace {
  readonly old: string;
  readonly newPath: string;
  readonly newVersion: string;
}

export interface GoMod {
  readonly requires: readonly { readonly path: string; readonly version: string }[];
  readonly replaces: readonly GoReplace[];
}

/** What a go.mod requires and replaces. */
export async function modOf(modFile: string): Promise<GoMod> {
  const mod = JSON.parse(await output("go", ["mod", "edit", "-json", modFile], { env: environment })) as {
    Require?: { Path: string; Version: string }[];
    Replace?: { Old: { Path: string; Version?: string }; New: { Path: string; Version?: string } }[];
  };
  return {
    requires: (mod.Require ?? []).map((r) => ({ path: r.Path, version: r.Version })),
    replaces: (mod.Replace ?? []).map((r) => ({
      old: r.Old.Version === undefined ? r.Old.Path : `${r.Old.Path}@${r.Old.Version}`,
      newPath: r.New.Path,
      newVersion: r.New.Version ?? "",
    })),
  };
}

export async function editMod(modFile: string, flags: readonly string[]): Promise<void> {
  if (flags.length > 0) await command("go", ["mod", "edit", ...flags, modFile], { env: environment });
}

export interface GoBuild {
  /** The module's folder; it is only read. */
  readonly dir: string;
  readonly modFile: string;
  readonly packages: readonly string[];
  readonly tags: readonly string[];
  readonly ldflags: string;
  readonly outDir: string;
  readonly signal: AbortSignal;
  readonly onLine?: (line: string) => void;
}

/** One `go build` for all packages of a module, because they share most of their compilation. */
export async function build(options: GoBuild): Promise<void> {
  await command(
    "go",
    [
      "build",
      "-trimpath",
      "-buildvcs=false",
      "-mod=mod",
      `-modfile=${options.modFile}`,
      "-tags",
      options.tags.join(","),
      "-ldflags",
      `-s -w ${options.ldflags}`.trim(),
      "-o",
      join(options.outDir, "/"),
      ...options.packages,
    ],
    {
      cwd: options.dir,
      env: environment,
      signal: options.signal,
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    },
  );
}

/** Builds a program that uses only the standard library, without a module. */
export async function buildFile(file: string, out: string, signal: AbortSignal): Promise<void> {
  await command("go", ["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", out, file], {
    env: { ...environment, GO111MODULE: "off" },
    signal,
  });
}
