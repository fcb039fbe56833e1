import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { Difference } from "#harness/model/source-environment.ts";
import { refusedValues } from "#harness/semantics/chart-refusals.ts";
import { sourceProblems } from "../../repro/source-problems.ts";
import type { CheckedCluster } from "./checked-mesh.ts";
import type { Found } from "./found.ts";

const keyOf = (row: Difference): string => `${row.cluster}: ${row.field}`;

/**
 * Values that the new chart refuses or ignores; ids, networks and settings by which the clusters disturb each other. What
 * is wrong with services before and after is a matter of `diagnose`.
 */
export function valueFindings(clusters: readonly CheckedCluster[], defects: readonly KnownDefect[]): Found[] {
  const refused = clusters.flatMap((c) =>
    refusedValues(c.source.written ?? {}, c.to).map((finding): Found => ({ cluster: c.name, finding })),
  );
  const names = new Set(refused.map((f) => `${f.cluster} ${f.finding.message}`));
  const problemsAt = (version: (c: CheckedCluster) => string | undefined): Difference[] =>
    sourceProblems(
      clusters.map(({ source, ...c }) => {
        const { cilium: _, ...rest } = source;
        const cilium = version({ source, ...c });
        return cilium === undefined ? rest : { ...rest, cilium };
      }),
      defects,
    ).filter((row) => !row.field.startsWith("Service "));
  const now = new Set(problemsAt((c) => c.from).map(keyOf));
  const then = problemsAt((c) => c.to).filter((row) => {
    const path = row.field.replace(/^value /, "");
    return ![...names].some((n) => n.startsWith(`${row.cluster} `) && n.includes(` value ${path},`));
  });
  return [...refused, ...then.map((row) => found(row, { isNew: !now.has(keyOf(row)), clusters }))];
}

const idOf = (field: string): string =>
  field === "cluster id"
    ? "cluster-id"
    : ["pod CIDR", "node addresses", "ipv4NativeRoutingCIDR"].includes(field)
      ? "cluster-networks"
      : "cluster-settings";

function found(
  row: Difference,
  { isNew, clusters }: { readonly isNew: boolean; readonly clusters: readonly CheckedCluster[] },
): Found {
  const { cluster, field, inSource, matters } = row;
  const isValue = field.startsWith("value ");
  if (!isValue)
    return {
      cluster,
      finding: {
        id: idOf(field),
        grade: matters === "yes" ? "serious" : "caution",
        message: `${field}: ${inSource}`,
        remedy: "correct it before the upgrade: afterwards it looks like the upgrade's fault",
      },
    };
  const path = field.replace(/^value /, "");
  const isRefused = inSource.includes("its chart refuses");
  const to = clusters.find((c) => c.name === cluster)?.to ?? "";
  // The sentence says what happens to it.
  const why = inSource.replace(/, so \S+ ignores it( \(its chart refuses an upgrade with it\))?/, "");
  return {
    cluster,
    finding: {
      id: isRefused ? "value-refused" : "value-ignored",
      grade: isRefused || isNew ? "serious" : "caution",
      message: isRefused
        ? `the chart of Cilium ${to} refuses value ${path}: ${why}`
        : `the chart of Cilium ${to} ignores value ${path}: ${why}${isNew ? "" : "; so does the version that runs"}`,
      remedy: `${row.inLab === "left out" ? "leave it out" : row.inLab.replace("left out; it is now", "write it as")} in the values for ${to}`,
    },
  };
}
