import semver from "semver";
import type { CertificateFinding, Grade } from "#harness/model/certificate-finding.ts";
import type { KnownDefect, UntestedDefect } from "#harness/model/known-defect.ts";
import { affects } from "./affected.ts";

/** A cluster before or after a move. */
export interface Side {
  /** Undefined if it is not known. */
  readonly cilium: string | undefined;
  /** Of cilium-config. */
  readonly settings: Readonly<Record<string, string>>;
}

/** One that a test shows, or none. */
type Defect = KnownDefect | UntestedDefect;

const has = (defect: Defect, name: string, { cilium, settings }: Side): boolean =>
  cilium !== undefined && affects(defect, { name, cilium, settings });

const namesShown = 5;

function listed(subjects: readonly string[]): string {
  const more = subjects.length > namesShown ? ` and ${subjects.length - namesShown} more` : "";
  return `${subjects.slice(0, namesShown).join(", ")}${more}`;
}

/**
 * What a known defect means for a move: the target has it, or no longer has it; undefined if neither side does.
 * `shownBy` names the objects of the cluster that make it show on that side.
 */
export function defectOfMove(
  defect: Defect,
  cluster: {
    readonly name: string;
    readonly before: Side;
    readonly after: Side & { readonly cilium: string };
  },
  shownBy: (side: "before" | "after") => readonly string[] = () => [],
): CertificateFinding | undefined {
  const { name, before, after } = cluster;
  const [was, will] = [has(defect, name, before), has(defect, name, after)];
  if (will) return inTarget(defect, { to: after.cilium, isNew: !was, subjects: shownBy("after") });
  return was ? notInTarget(defect, { before, after, subjects: shownBy("before") }) : undefined;
}

/** `advisory` with its severity, where it is one. */
const nameOf = (defect: Defect): string =>
  "severity" in defect ? `${defect.id} (advisory, ${defect.severity})` : defect.id;

function inTarget(
  defect: Defect,
  {
    to,
    isNew,
    subjects,
  }: { readonly to: string; readonly isNew: boolean; readonly subjects: readonly string[] },
): CertificateFinding {
  const { what, fixedIn } = defect;
  const fixes = semver.sort(fixedIn.filter((v) => semver.gt(v, to)));
  const [first] = fixes;
  const isShown = subjects.length > 0;
  // Where another release has the fix, there is no need to go to this one.
  const isAvoidable = isNew || first !== undefined;
  const grade: Grade =
    isShown && isAvoidable ? "serious" : isShown || isAvoidable ? "caution" : "information";
  return {
    id: "defect-in-target",
    grade,
    message: `Cilium ${to} has the known defect ${nameOf(defect)}: ${what}${isShown ? `; it concerns ${listed(subjects)}` : ""}; ${first === undefined ? "no release has a fix" : `fixed in ${fixes.join(" and ")}`}${isNew ? "" : ", and the version that runs has it too"}`,
    ...(first === undefined ? {} : { remedy: `choose ${first} or later instead` }),
  };
}

function notInTarget(
  defect: Defect,
  {
    before,
    after,
    subjects,
  }: { readonly before: Side; readonly after: Side; readonly subjects: readonly string[] },
): CertificateFinding {
  const isUpgrade = semver.gt(after.cilium ?? "0.0.0", before.cilium ?? "0.0.0");
  return {
    id: "defect-fixed",
    grade: "information",
    message: `Cilium ${after.cilium} ${isUpgrade ? "fixes" : "does not have"} ${nameOf(defect)}: ${defect.what}${subjects.length === 0 ? "" : `; this changes what ${listed(subjects)} does today`}`,
  };
}
