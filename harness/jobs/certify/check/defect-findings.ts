import { triggers } from "#harness/diagnose/known-defects.ts";
import type { KnownDefect, UntestedDefect } from "#harness/model/known-defect.ts";
import { defectOfMove } from "#harness/semantics/defect-of-move.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found } from "./found.ts";
import { showsBy } from "./object-defects.ts";

/** Known defects of the target, and those of the present version that it does not have, with what makes them show. */
export function defectFindings(
  clusters: readonly CheckedCluster[],
  defects: readonly (KnownDefect | UntestedDefect)[],
): Found[] {
  const mesh = { before: snapshotAt(clusters, "before"), after: snapshotAt(clusters, "after") };
  return clusters.flatMap((checked) => {
    const { name, from, to, before, after } = checked;
    return defects.flatMap((defect) => {
      const objects = showsBy(defect.id);
      // All objects were read, and none makes it show.
      if (objects !== undefined && checked.isWhole && objects(checked).length === 0) return [];
      const shownBy = (side: "before" | "after"): readonly string[] => {
        if (objects !== undefined) return objects(checked);
        if (!("tests" in defect)) return side === "before" ? [] : settingsOf(defect, after);
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
    });
  });
}

/** The settings on which a defect depends are all that is known to make it show. */
function settingsOf({ when = {} }: UntestedDefect, config: Readonly<Record<string, string>>): string[] {
  const set = Object.keys(when).flatMap((key) =>
    config[key] === undefined ? [] : [`${key}: ${config[key]}`],
  );
  return set.length === 0 ? [] : [`${set.length === 1 ? "setting" : "settings"} ${set.join(" with ")}`];
}
