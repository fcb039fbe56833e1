import { textTable } from "#harness/lib/table.ts";
import type { Difference } from "#harness/model/source-environment.ts";
import { labFiles, writeLabFiles } from "./lab-files.ts";
import { type LabDraft, labOf } from "./lab-of.ts";
import { readSource } from "./read-source.ts";

/** Writes the lab file of the closest lab to the mesh of these files; builds nothing. Returns the lab file's path. */
export async function planRepro(
  files: readonly string[],
  folder: string,
): Promise<{ readonly labFile: string; readonly draft: LabDraft }> {
  const draft = labOf(await readSource(files));
  return {
    labFile: await writeLabFiles(folder, labFiles({ ...draft, suites: ["rebuilt-environment"] })),
    draft,
  };
}

/** The comparison as a table for a terminal: differences first, the most important at the top. */
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
      d.inSource,
      d.difference === "" ? "the same" : d.inLab,
      d.difference === "" ? "" : d.matters,
    ]);
  const head = ["cluster", "what", "in the source", "in the lab", "does it matter"];
  const cut = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);
  return textTable([head, ...rows].map((row) => row.map(cut)));
}
