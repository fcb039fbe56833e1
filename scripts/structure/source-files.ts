import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** A TypeScript file of the repository, by its path from the root, and what it imports. */
export interface SourceFile {
  readonly path: string;
  /** Paths from the root, or names of npm packages and of node's own modules. Type imports count. */
  readonly imports: readonly Import[];
}

export type Import = { readonly file: string } | { readonly package: string };

/** Every TypeScript file of the repository, the files of the root included. */
export function readSourceFiles(root: string): SourceFile[] {
  return globSync(["*.ts", "{harness,suites,scripts,docs}/**/*.ts"], { cwd: root }).map((path) => ({
    path,
    imports: importsOf(path, readFileSync(join(root, path), "utf8")),
  }));
}

/** What a file imports, statically or by `import("...")`, each once. */
export function importsOf(path: string, source: string): Import[] {
  const { module, errors } = parseSync(path, source);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const named = [
    ...module.staticImports.map((i) => i.moduleRequest.value),
    ...module.staticExports.flatMap((e) => e.entries.map((entry) => entry.moduleRequest?.value)),
    ...module.dynamicImports.map(({ moduleRequest: at }) => literal(source.slice(at.start, at.end))),
  ];
  return [...new Set(named)].filter((name) => name !== undefined).map((name) => resolve(path, name));
}

/** The text between quotes; undefined for an expression. */
const literal = (text: string): string | undefined => /^["'`]([^"'`$]+)["'`]$/.exec(text)?.[1];

function resolve(from: string, name: string): Import {
  if (name.startsWith("#harness/")) return { file: `harness/${name.slice("#harness/".length)}` };
  if (name.startsWith(".")) return { file: normalize(join(dirname(from), name)) };
  const [first, second] = name.split("/");
  return { package: name.startsWith("@") ? `${first}/${second}` : (first ?? name) };
}
