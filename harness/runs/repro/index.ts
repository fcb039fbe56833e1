import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify as toYaml } from "yaml";
import { MeshproofError } from "#harness/core/errors.ts";
import type { Difference } from "#harness/core/field.ts";
import { writeAtomic } from "#harness/host/paths.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readField } from "./read-field.ts";

/** No anchors: people edit these files. */
const plain = { aliasDuplicateObjects: false };

/** The lab that comes nearest to the mesh of these files, written into a folder; nothing is built. Answers the lab file. */
export async function planRepro(
  files: readonly string[],
  folder: string,
): Promise<{ readonly labFile: string; readonly draft: LabDraft }> {
  const draft = labOf(await readField(files));
  const labFile = join(folder, "lab.yaml");
  if (await readFile(labFile, "utf8").catch(() => undefined))
    throw new MeshproofError("usage", `${labFile} is there already, and may have been edited`, {
      cure: "name another --out, or build it: `up --lab-file`",
    });
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string): Promise<void> => writeAtomic(join(folder, name), text);
  for (const c of draft.clusters) {
    await write(`${c.name}.yaml`, toYaml(c.kindConfig));
    await write(`${c.name}.manifests.yaml`, c.manifests.map((m) => toYaml(m, plain)).join("---\n"));
  }
  const lab = {
    profile: draft.profile,
    serviceType: draft.serviceType,
    suites: ["field"],
    clusters: draft.clusters.map(({ name, id, kubernetes, cilium, values }) => ({
      name,
      id,
      kindConfig: `${name}.yaml`,
      kubernetes,
      cilium,
      ...(Object.keys(values).length === 0 ? {} : { values }),
      manifests: `${name}.manifests.yaml`,
    })),
  };
  await writeAtomic(
    labFile,
    `# Made by \`repro\`. \`up --lab-file\` builds it; edit it as you like.\n${toYaml(lab, plain)}`,
  );
  return { labFile, draft };
}

/** The comparison as a table for a terminal: what differs first, by weight. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const weight = { yes: 0, perhaps: 1, no: 2 };
  const rows = differences
    .toSorted(
      (a, b) =>
        weight[a.matters] - weight[b.matters] || Number(a.difference === "") - Number(b.difference === ""),
    )
    .map((d) => [
      d.cluster,
      d.field,
      d.inField,
      d.difference === "" ? "the same" : d.inLab,
      d.difference === "" ? "" : d.matters,
    ]);
  const head = ["cluster", "what", "in the field", "in the lab", "does it matter"];
  const cut = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);
  const all = [head, ...rows].map((r) => r.map((c) => cut(c!)));
  const widths = head.map((_, i) => Math.max(...all.map((r) => r[i]!.length)));
  return all.map((r) =>
    r
      .map((c, i) => c.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}
