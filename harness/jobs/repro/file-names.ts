import { realpathSync } from "node:fs";
import { resolve, sep } from "node:path";

/** A path without links; of a pipe, which has no such path, as it is. */
export function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** A path without links, divided into names. */
export const namesOf = (path: string): readonly string[] => realOf(path).split(sep);

/** The names of a path in a repository, without those that lead out of it. */
export const inRepository = (path: string): readonly string[] =>
  path.split("/").filter((name) => !["", ".", ".."].includes(name));

/** Whether the last names are those of the other; nothing ends in no name. */
export const endsIn = (names: readonly string[], end: readonly string[]): boolean =>
  end.length > 0 && end.every((name, i) => name === names.at(i - end.length));

export const isSamePath = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && endsIn(a, b);
