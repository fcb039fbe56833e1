import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { clusterOf } from "#harness/cluster/cluster.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { LabState } from "#harness/model/lab-state.ts";
import { CiliumCli } from "#harness/platform/cilium-cli.ts";
import { requireLab } from "#harness/state/lab.ts";

/** The lab's own Cilium CLI; throws `usage` if it has none. */
export function requireCiliumCli(
  { lab, artifacts: { ciliumCli }, plan }: Pick<LabState, "lab" | "artifacts" | "plan">,
  signal: AbortSignal,
): { readonly cli: CiliumCli; readonly program: string } {
  if (ciliumCli === undefined || !("program" in ciliumCli))
    throw new MeshproofError(
      "usage",
      `lab ${lab} has no Cilium CLI: ${ciliumCli?.missing ?? `its profile is ${plan.profile}`}`,
      { remedy: "bring up a lab that has one: `npm run mesh -- up --profile cli`" },
    );
  return { cli: new CiliumCli(ciliumCli, signal), program: ciliumCli.program };
}

/** Takes one archive a cluster with the lab's Cilium CLI; returns their paths. Needs no lock: it only reads. */
export async function takeSysdumps(
  lab: string,
  folder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<string[]> {
  const state = await requireLab(lab);
  const { cli } = requireCiliumCli(state, signal);
  const dir = resolve(folder);
  await mkdir(dir, { recursive: true });
  const files: string[] = [];
  // One after the other: each reads every agent's logs, tables and maps.
  for (const { name } of state.plan.clusters) {
    const cluster = clusterOf(state, name);
    const file = join(dir, `${name}-sysdump`);
    await cli.run({
      argv: ["sysdump", "--context", cluster.context, "--output-filename", file],
      clusters: [cluster],
    });
    if ((await stat(`${file}.zip`).catch(() => undefined)) === undefined)
      throw new MeshproofError("command-failed", `cilium sysdump of ${name} ended and wrote no ${file}.zip`, {
        remedy: "run it by hand; `npm run mesh -- status` prints the path of the CLI",
      });
    files.push(`${file}.zip`);
  }
  return files;
}
