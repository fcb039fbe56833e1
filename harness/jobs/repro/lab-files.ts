import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify as toYaml } from "yaml";
import { MeshproofError } from "#harness/lib/errors.ts";
import type { LabPlan, PlannedKindCluster } from "#harness/model/lab-plan.ts";
import { writeAtomic } from "#harness/platform/paths.ts";

type Cluster = Pick<PlannedKindCluster, "name" | "id" | "kubernetes" | "cilium" | "values" | "manifests"> & {
  readonly kindConfig: Readonly<Record<string, unknown>>;
};

/** The contents of a lab file; the rest has defaults. */
export type LabSource = Pick<LabPlan, "profile" | "serviceType" | "suites"> &
  Partial<Pick<LabPlan, "tuning" | "networks" | "budgets" | "rig">> & {
    readonly clusters: readonly Cluster[];
  };

/** Without anchors, because users edit these files; with quotes for what Helm and kubectl take for no text, as `no`. */
const plain = { aliasDuplicateObjects: false, compat: "yaml-1.1" };

/** A lab's files by name, from which `up --lab-file` builds the same lab. */
export function labFiles({ clusters, ...lab }: LabSource): Record<string, string> {
  const files: Record<string, string> = {};
  for (const c of clusters) {
    files[`${c.name}.yaml`] = toYaml(c.kindConfig, plain);
    if (c.manifests !== undefined)
      files[`${c.name}.manifests.yaml`] = c.manifests.map((m) => toYaml(m, plain)).join("---\n");
  }
  const { profile, tuning, serviceType, suites, networks, budgets, rig } = lab;
  files["lab.yaml"] = `# Build it with \`up --lab-file\`; you may edit it.\n${toYaml(
    {
      profile,
      ...(tuning === undefined ? {} : { tuning }),
      serviceType,
      suites,
      ...(networks === undefined ? {} : { networks }),
      ...(budgets === undefined ? {} : { budgets }),
      ...(rig === undefined ? {} : { rig }),
      clusters: clusters.map(({ name, id, kubernetes, cilium, values, manifests }) => ({
        name,
        id,
        kindConfig: `${name}.yaml`,
        kubernetes,
        cilium,
        ...(Object.keys(values).length === 0 ? {} : { values }),
        ...(manifests === undefined ? {} : { manifests: `${name}.manifests.yaml` }),
      })),
    },
    plain,
  )}`;
  return files;
}

/** Writes them into a folder, unless it has a lab file, which may have been edited. Returns the lab file's path. */
export async function writeLabFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const labFile = join(folder, "lab.yaml");
  if ((await readFile(labFile, "utf8").catch(() => undefined)) !== undefined)
    throw new MeshproofError("usage", `${labFile} already exists and may have been edited`, {
      remedy: "name another --out, or build it: `up --lab-file`",
    });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeAtomic(join(folder, name), text);
  return labFile;
}
