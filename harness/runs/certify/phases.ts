import { MeshproofError } from "#harness/core/errors.ts";

/** One stretch of a certification: a cluster moves, or nothing does; then the suites, then it is over. */
export interface Phase {
  readonly name: string;
  readonly change?: { readonly cluster: string; readonly to: "old" | "new" };
  readonly suites: "all" | "between";
}

/** The phases of an upgrade of these clusters, in the order in which they move. */
export function phasesOf(order: readonly string[], skipRollback: boolean): readonly Phase[] {
  const [first, ...rest] = order as [string, ...string[]];
  const forth: Phase[] = [
    { name: "baseline", suites: "all" },
    { name: `upgrade ${first}`, change: { cluster: first, to: "new" }, suites: "between" },
    ...rest.map(
      (cluster, i): Phase => ({
        name: `upgrade ${cluster}`,
        change: { cluster, to: "new" },
        suites: skipRollback && i === rest.length - 1 ? "all" : "between",
      }),
    ),
  ];
  if (skipRollback) return forth;
  return [
    ...forth,
    { name: `roll back ${first}`, change: { cluster: first, to: "old" }, suites: "between" },
    { name: `upgrade ${first} again`, change: { cluster: first, to: "new" }, suites: "all" },
  ];
}

/** The clusters in the order in which they are upgraded: as named, or as the lab file has them. */
export function orderOf(names: readonly string[], wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return names;
  const order = wanted.split(",");
  if (order.length !== names.length || names.some((n) => !order.includes(n)))
    throw new MeshproofError("usage", `--order ${wanted} does not name every cluster once`, {
      cure: `for example --order ${names.toReversed().join(",")}`,
    });
  return order;
}

/** Which version a cluster runs before a phase: what an interrupted one goes back to. */
export function versionBefore(phases: readonly Phase[], index: number, cluster: string): "old" | "new" {
  return phases.slice(0, index).findLast((p) => p.change?.cluster === cluster)?.change?.to ?? "old";
}
