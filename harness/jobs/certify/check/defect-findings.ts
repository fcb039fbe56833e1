import { triggers } from "#harness/diagnose/known-defects.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { defectOfMove } from "#harness/semantics/defect-of-move.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

/** Known defects of the target, and those of the present version that it does not have, with what makes them show. */
export function defectFindings(
  clusters: readonly CheckedCluster[],
  defects: readonly KnownDefect[],
): Found[] {
  const mesh = { before: snapshotAt(clusters, "before"), after: snapshotAt(clusters, "after") };
  return clusters.flatMap(({ name, from, to, before, after }) =>
    defects.flatMap((defect) => {
      const shownBy = (side: "before" | "after"): string[] => {
        const cluster = mesh[side].clusters.find((s) => s.name === name);
        const found = cluster === undefined ? [] : (triggers.get(defect.id)?.(mesh[side], cluster) ?? []);
        return [...new Set(found.map((t) => t.subject.replace(` of ${name}`, "")))];
      };
      const finding = defectOfMove(
        defect,
        { name, before: { cilium: from, settings: before }, after: { cilium: to, settings: after } },
        shownBy,
      );
      return finding === undefined ? [] : [{ cluster: name, finding }];
    }),
  );
}
