import table from "./flags.json" with { type: "json" };
import { absent, type Lack, lackOf, leafAt } from "./releases-read.ts";

/** Programs of Cilium whose flags are known. */
export type Program = "agent" | "operator" | "clustermesh-apiserver" | "kvstoremesh";

/**
 * The programs that have a flag, by release; `hidden`: some program, of which no reference tells; `chart`: a key of
 * cilium-config that only the chart's scripts read. Made by scripts/tools/flags from Documentation/cmdref and the sources
 * of the releases that were read.
 */
const flags: Readonly<Record<string, string>> = table;

export const knownFlags: readonly string[] = Object.keys(flags);

/** Whether a program of some release has a flag; without a program, any of them. */
export const isKnownFlag = (flag: string, program?: Program): boolean =>
  Object.hasOwn(flags, flag) &&
  (flags[flag] ?? "").split("; ").some((leaf) => isFor(leaf.replace(/^.* /, ""), program));

/** Why a version does not have a flag that another release has; undefined if it has it, or if that is not known. */
export function flagLack(flag: string, version: string, program?: Program): Lack | undefined {
  const leaf = Object.hasOwn(flags, flag) ? flags[flag] : undefined;
  return leaf === undefined ? undefined : lackOf(version, (release) => isFor(leafAt(leaf, release), program));
}

function isFor(programs: string, program: Program | undefined): boolean {
  const listed = programs.split("|");
  return program === undefined ? programs !== absent : listed.includes(program) || listed.includes("hidden");
}
