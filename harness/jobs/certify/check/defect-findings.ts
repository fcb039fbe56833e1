import semver from "semver";
import { triggers } from "#harness/diagnose/known-defects.ts";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { affects } from "#harness/semantics/affected.ts";
import { type CheckedCluster, snapshotAt } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

/** What makes a cluster show a defect: objects of it, or why this is not known. */
interface Shown {
  readonly subjects: readonly string[];
}

/** Known defects of the target, and those of the present version that it does not have. */
export function defectFindings(
  clusters: readonly CheckedCluster[],
  defects: readonly KnownDefect[],
): Found[] {
  return clusters.flatMap((c) =>
    defects.flatMap((defect) => {
      const has = (cilium: string | undefined, settings: CheckedCluster["before"]): boolean =>
        cilium !== undefined && affects(defect, { name: c.name, cilium, settings });
      const [was, will] = [has(c.from, c.before), has(c.to, c.after)];
      if (!was && !will) return [];
      const shown = shownBy(defect, { clusters, cluster: c, when: will ? "after" : "before" });
      const finding = will ? inTarget(defect, { to: c.to, isNew: !was, shown }) : fixed(defect, c, shown);
      return [{ cluster: c.name, finding }];
    }),
  );
}

function shownBy(
  defect: KnownDefect,
  of: {
    readonly clusters: readonly CheckedCluster[];
    readonly cluster: CheckedCluster;
    readonly when: "before" | "after";
  },
): Shown {
  const mesh = snapshotAt(of.clusters, of.when);
  const cluster = mesh.clusters.find((s) => s.name === of.cluster.name);
  const found = cluster === undefined ? [] : (triggers.get(defect.id)?.(mesh, cluster) ?? []);
  return { subjects: [...new Set(found.map((t) => t.subject.replace(` of ${of.cluster.name}`, "")))] };
}

const namesShown = 5;

function listed({ subjects }: Shown): string {
  const more = subjects.length > namesShown ? ` and ${subjects.length - namesShown} more` : "";
  return `${subjects.slice(0, namesShown).join(", ")}${more}`;
}

function inTarget(
  { id, what, fixedIn }: KnownDefect,
  { to, isNew, shown }: { readonly to: string; readonly isNew: boolean; readonly shown: Shown },
): CertificateFinding {
  const fixes = semver.sort(fixedIn.filter((v) => semver.gt(v, to)));
  const [first] = fixes;
  const isShown = shown.subjects.length > 0;
  // Where another release has the fix, there is no need to go to this one.
  const isAvoidable = isNew || first !== undefined;
  const grade: Grade = isShown && isAvoidable ? "serious" : isShown || isAvoidable ? "caution" : "information";
  return {
    id: "defect-in-target",
    grade,
    message: `Cilium ${to} has the known defect ${id}: ${what}${isShown ? `; it concerns ${listed(shown)}` : ""}; ${first === undefined ? "no release has a fix" : `fixed in ${fixes.join(" and ")}`}${isNew ? "" : ", and the version that runs has it too"}`,
    ...(first === undefined ? {} : { remedy: `upgrade to ${first} or later instead` }),
  };
}

const fixed = ({ id, what }: KnownDefect, { to }: CheckedCluster, shown: Shown): CertificateFinding => ({
  id: "defect-fixed",
  grade: "information",
  message: `Cilium ${to} fixes ${id}: ${what}${shown.subjects.length === 0 ? "" : `; this changes what ${listed(shown)} does today`}`,
});
