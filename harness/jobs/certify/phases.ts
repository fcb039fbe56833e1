import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";

/** One phase of a certification: either a cluster changes its version, or the suites run. */
export interface Phase {
  readonly name: string;
  readonly change?: { readonly cluster: string; readonly to: "old" | "new" };
  /** None during a change: the suites judge the state after it. */
  readonly suites: "all" | "between" | "none";
}

const move = (name: string, cluster: string, to: "old" | "new"): Phase => ({
  name,
  change: { cluster, to },
  suites: "none",
});

/** The phases of an upgrade of these clusters, in the given order. */
export function phasesOf(order: readonly string[], skipRollback: boolean): readonly Phase[] {
  const first = found(order[0], "cluster to upgrade");
  const forth = order.flatMap((cluster, i): Phase[] => {
    const moved = order.slice(0, i + 1);
    const last = moved.length === order.length;
    return [
      move(`upgrade ${cluster}`, cluster, "new"),
      last
        ? { name: "new version", suites: skipRollback ? "all" : "between" }
        : { name: `mixed versions, ${moved.join(" and ")} new`, suites: "between" },
    ];
  });
  const back: Phase[] = [
    move(`roll back ${first}`, first, "old"),
    { name: "mixed versions again", suites: "between" },
    move(`upgrade ${first} again`, first, "new"),
    { name: "new version again", suites: "all" },
  ];
  return [{ name: "baseline", suites: "all" }, ...forth, ...(skipRollback ? [] : back)];
}

/** Phases after a failed change: a roll-back of the cluster, and suites that check whether the mesh recovered. */
export const retreatOf = (cluster: string, to: "old" | "new"): readonly Phase[] => [
  move(`roll back ${cluster} after the failure`, cluster, to),
  { name: "after the roll-back", suites: "between" },
];

/** The clusters in upgrade order: as given, or as in the lab file. */
export function orderOf(names: readonly string[], expected: string | undefined): readonly string[] {
  if (expected === undefined) return names;
  const order = expected.split(",");
  if (order.length !== names.length || names.some((n) => !order.includes(n)))
    throw new MeshproofError("usage", `--order ${expected} does not name every cluster once`, {
      remedy: `for example ${shellQuote(["--order", names.toReversed().join(",")])}`,
    });
  return order;
}

/** The version of a cluster before a phase, restored if the phase is interrupted. */
export function versionBefore(phases: readonly Phase[], index: number, cluster: string): "old" | "new" {
  return phases.slice(0, index).findLast((p) => p.change?.cluster === cluster)?.change?.to ?? "old";
}
