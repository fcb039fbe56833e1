import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";

/** A TypeScript file by its path from the root, with the measures that are limited. */
export interface Measured {
  readonly path: string;
  readonly lines: number;
  /** Number of non-null assertions (`value!`). */
  readonly assertions: number;
}

/** Every TypeScript file of the repository that some patterns match. */
export function measureFiles(root: string, patterns: readonly string[]): Measured[] {
  return globSync(patterns, { cwd: root, exclude: ["node_modules/**"] })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => measureSource(path, readFileSync(join(root, path), "utf8")));
}

export function measureSource(path: string, source: string): Measured {
  let assertions = 0;
  new Visitor({
    TSNonNullExpression() {
      assertions += 1;
    },
  }).visit(parseSync(path, source).program);
  return { path, lines: source.split("\n").length - 1, assertions };
}
