import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { type PlanOptions, planLab } from "#harness/config/plan.ts";
import { oneLine } from "#harness/lib/visible.ts";
import { type Difference, differenceParts } from "#harness/model/source-environment.ts";
import { suitesDir } from "#harness/testkit/suite-list.ts";
import { labFiles, writeLabFiles } from "./lab-files.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

/**
 * Writes the lab file of the closest lab to the mesh of these files, and checks it as `up` does; builds nothing. Leaves
 * no file if `up` would refuse it. Returns the lab file's path.
 */
export async function planRepro(
  files: readonly string[],
  folder: string,
  options: Omit<PlanOptions, "labFile"> = { lab: "repro" },
): Promise<{ readonly labFile: string; readonly draft: LabDraft }> {
  const draft = labOf(
    await readSource(files),
    await readKnownDefects(suitesDir()),
    versionsOf(options.cilium),
  );
  const written = labFiles(draft);
  const labFile = await writeLabFiles(folder, written);
  try {
    await planLab({ ...options, labFile });
  } catch (error) {
    for (const name of Object.keys(written)) await rm(join(dirname(labFile), name), { force: true });
    throw error;
  }
  return { labFile, draft };
}

/** `V` is of every cluster, `NAME=V` of one; the last one counts. */
const versionsOf = (given: readonly string[] = []): Record<string, string> =>
  Object.fromEntries(
    given.map((text) => {
      const [, name = "", version = text] = /^([a-z0-9-]+)=(.+)$/.exec(text) ?? [];
      return [name, version];
    }),
  );

const headings: Readonly<Record<Difference["part"], string>> = {
  source: "What is wrong in the source itself, or may be:",
  unavailable: "What a lab cannot have:",
  other: "Other differences:",
  always: "",
};
const alwaysPage = "docs/guides/reproduce.md#what-every-lab-changes";
const weight = { yes: 0, perhaps: 1, no: 2 };

/** The comparison for a terminal: what decides first, one line each, clusters with equal lines together. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const rows = merged(differences.filter((d) => d.difference !== ""));
  const lines: string[] = [];
  for (const part of differenceParts) {
    const own = rows.filter((d) => d.part === part).toSorted((a, b) => weight[a.matters] - weight[b.matters]);
    if (own.length === 0 || part === "always") continue;
    lines.push(
      headings[part],
      ...own.map((d) =>
        oneLine(
          `${d.cluster}: ${d.field}: ${d.inSource}; in the lab: ${d.inLab} (does it matter: ${d.matters})`,
        ),
      ),
      "",
    );
  }
  const same = Map.groupBy(
    differences.filter((d) => d.difference === ""),
    (d) => d.field,
  );
  if (same.size > 0)
    lines.push("The same in the lab:", ...[...same].map(([field, of]) => oneLine(sameLine(field, of))), "");
  const always = rows.filter((d) => d.part === "always");
  if (always.length > 0)
    lines.push(
      `${always.length} things that every lab changes, such as keys, images and nodes: ${alwaysPage}`,
    );
  return lines;
}

/** How many lines are differences, without what every lab changes. */
export const differenceCount = (differences: readonly Difference[]): number =>
  merged(differences.filter((d) => d.difference !== "" && d.part !== "always")).length;

function sameLine(field: string, of: readonly Difference[]): string {
  const isObject = of.every((d) => d.inSource === "as it is");
  if (isObject) return `${of.map((d) => d.cluster).join(", ")}: ${field}`;
  return `${field}: ${of.map((d) => `${d.cluster} ${d.inSource}`).join(", ")}`;
}

/** Rows that differ in their cluster only become one. */
function merged(differences: readonly Difference[]): Difference[] {
  const groups = Map.groupBy(differences, (d) =>
    JSON.stringify([d.field, d.inSource, d.inLab, d.matters, d.part]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined
      ? []
      : [{ ...first, cluster: [...new Set(group.map((d) => d.cluster))].join(", ") }];
  });
}
