import type { Rule, Rules } from "./rules.ts";
import type { SourceFile } from "./source-files.ts";

/** The module of a file: `harness/kube/x.ts` is of `kube`; files of the root are of the module `.`. */
export function moduleOf(path: string): string | undefined {
  const [top, next, ...rest] = path.split("/");
  if (next === undefined) return ".";
  return top === "harness" ? (rest.length === 0 ? undefined : next) : top;
}

const isTest = (path: string): boolean => path.endsWith(".test.ts");
/** Files of the root configure tools: they import only packages. */
const rootRule: Rule = { imports: [], tests: [], owns: [] };

/**
 * Violations of the import rules, one sentence each: a file in no module, a module without a rule, a forbidden import
 * of a module or a package.
 */
export function forbiddenImports(files: readonly SourceFile[], rules: Rules): string[] {
  const owned = new Set([...rules.values()].flatMap((r) => r.owns));
  return files.flatMap(({ path, imports }) => {
    const module = moduleOf(path);
    if (module === undefined) return [`${path} is in no module`];
    const rule = module === "." ? rootRule : rules.get(module);
    if (rule === undefined) return [`${path}: module ${module} has no README with an import rule`];
    const allowed = new Set([module, ...rule.imports, ...(isTest(path) ? rule.tests : [])]);
    return imports.flatMap((to) => {
      if ("package" in to)
        return owned.has(to.package) && !rule.owns.includes(to.package) && !isTest(path)
          ? [`${path} imports the package ${to.package}, which ${module} must not import`]
          : [];
      // Data, not code: the version and the project's name.
      if (to.file === "package.json") return [];
      const target = moduleOf(to.file);
      if (isTest(to.file)) return [`${path} imports the test ${to.file}`];
      return target !== undefined && allowed.has(target)
        ? []
        : [`${path} imports ${to.file}, which ${module} must not import`];
    });
  });
}

/** Cycles of the rules themselves: modules that may import one another. */
export function ruleCycles(rules: Rules): string[] {
  return cycles(new Map([...rules].map(([name, rule]) => [name, rule.imports])));
}

/** Import cycles of any length between files. */
export function fileCycles(files: readonly SourceFile[]): string[] {
  return cycles(
    new Map(files.map((f) => [f.path, f.imports.flatMap((to) => ("file" in to ? [to.file] : []))])),
  );
}

/** Every strongly connected part of a graph with more than one node, or with an edge to itself (Tarjan's algorithm). */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): number => {
    const own = index.size;
    index.set(node, own);
    low.set(node, own);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const reached = !index.has(next) ? visit(next) : stack.includes(next) ? (index.get(next) ?? own) : own;
      low.set(node, Math.min(low.get(node) ?? own, reached));
    }
    if (low.get(node) === own) {
      const part = stack.splice(stack.indexOf(node));
      if (part.length > 1 || graph.get(node)?.includes(node)) found.push(part.join(" -> "));
    }
    return low.get(node) ?? own;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}
