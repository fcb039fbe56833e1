import { MeshproofError } from "#harness/lib/errors.ts";
import { found } from "#harness/lib/found.ts";
import { shellQuote } from "#harness/lib/shell-quote.ts";
import type { CertificationSettings } from "#harness/model/certification-journal.ts";

/** One phase of a cycle: a cluster changes its version, suites run, or nothing happens. */
export interface Phase {
  readonly name: string;
  readonly change?: { readonly cluster: string; readonly to: "old" | "new" };
  /** Only in a window of their own: traffic is slower meanwhile. */
  readonly suites?: "all" | "between";
}

const move = (name: string, cluster: string, to: "old" | "new"): Phase => ({ name, change: { cluster, to } });

/** A state of the mesh, and the suites in it. */
const rest = (name: string, suites?: "all" | "between"): readonly Phase[] =>
  suites === undefined ? [{ name }] : [{ name }, { name: `suites, ${name}`, suites }];

/** `first`, `last`, or `2 of 3`. */
function place(i: number, n: number): string {
  if (i === 0) return "first";
  return i === n - 1 ? "last" : `${i + 1} of ${n}`;
}

interface Round {
  readonly order: readonly string[];
  readonly skipRollback: boolean;
  /** Only the first order has suites. */
  readonly isFirst: boolean;
}

/** Upgrades in one order, and moves back in the opposite one: the cluster that moved last moves back first. */
function roundOf({ order, skipRollback, isFirst }: Round): Phase[] {
  // In both orders a cluster may have the same place.
  const label = (text: string): string => (isFirst ? text : `${text}, other order`);
  const state = (name: string, suites: "all" | "between"): readonly Phase[] =>
    rest(label(name), isFirst ? suites : undefined);
  const last = order.length - 1;
  const names = (n: number): string => order.slice(0, n).join(" and ");
  const forth = order.flatMap((cluster, i) => [
    move(label(`upgrade ${cluster} ${place(i, order.length)}`), cluster, "new"),
    ...(i === last ? state("new version", "all") : state(`mixed versions, ${names(i + 1)} new`, "between")),
  ]);
  if (skipRollback) return forth;
  const back = order
    .toReversed()
    .flatMap((cluster, i) => [
      move(label(`roll back ${cluster} ${place(i, order.length)}`), cluster, "old"),
      ...(i === last
        ? state("old version again", "between")
        : state(`mixed versions again, ${names(last - i)} new`, "between")),
    ]);
  return [...forth, ...back];
}

export type CycleShape = Pick<CertificationSettings, "order" | "bothOrders" | "skipRollback">;

/**
 * The phases of a cycle: a baseline, every cluster up and back, and the same in the opposite order. Only the first cycle
 * runs suites, and only in the first order: a cycle takes an hour at most.
 */
export function phasesOf(
  { order, bothOrders, skipRollback }: CycleShape,
  withSuites: boolean,
): readonly Phase[] {
  found(order[0], "cluster to upgrade");
  const phases = [
    ...rest("baseline", "all"),
    ...roundOf({ order, skipRollback, isFirst: true }),
    ...(bothOrders && !skipRollback
      ? roundOf({ order: order.toReversed(), skipRollback, isFirst: false })
      : []),
  ];
  return withSuites ? phases : phases.filter((p) => p.suites === undefined);
}

/** Phases after a failed change: a roll-back of the cluster, and suites that check whether the mesh recovered. */
export const retreatOf = (cluster: string, to: "old" | "new"): readonly Phase[] => [
  move(`roll back ${cluster} after the failure`, cluster, to),
  ...rest("after the roll-back", "between"),
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
