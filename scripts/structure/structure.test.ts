import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Rule, readRules } from "./rules.ts";
import { importsOf, readSourceFiles, type SourceFile } from "./source-files.ts";
import { fileCycles, forbiddenImports, moduleOf, ruleCycles } from "./violations.ts";

const root = join(import.meta.dirname, "../..");

describe("the structure of the repository", () => {
  const files = readSourceFiles(root);
  const rules = readRules(root);

  test("files are found, and every import refers to an existing file", () => {
    expect(files.length).toBeGreaterThan(300);
    const named = files.flatMap((f) => f.imports.flatMap((to) => ("file" in to ? [to.file] : [])));
    expect(named.length).toBeGreaterThan(1000);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test("every module has a README with its import rule, which names modules that exist", () => {
    const modules = new Set(files.map((f) => moduleOf(f.path)).filter((m) => m !== "."));
    expect([...rules.keys()].sort()).toEqual([...modules].sort());
    for (const [name, { imports, tests }] of rules)
      for (const other of [...imports, ...tests]) expect(rules.has(other), `${name}: ${other}`).toBe(true);
  });

  test("imports follow the rules, tests and files of the root included", () => {
    expect(forbiddenImports(files, rules)).toEqual([]);
  });

  test("no cycle between modules or between files", () => {
    expect(ruleCycles(rules)).toEqual([]);
    expect(fileCycles(files)).toEqual([]);
  });
});

describe("the check itself", () => {
  const rule = (imports: string[], more: Partial<Rule> = {}): Rule => ({
    imports,
    tests: [],
    owns: [],
    ...more,
  });
  const rules = new Map([
    ["lib", rule([])],
    ["kube", rule(["lib"], { owns: ["undici"], tests: ["suites"] })],
    ["suites", rule(["kube"])],
  ]);
  const file = (path: string, source: string): SourceFile => ({ path, imports: importsOf(path, source) });

  test("finds every form of import", () => {
    expect(
      importsOf(
        "harness/kube/a.ts",
        `import type { A } from "../lib/a.ts"; export { b } from "#harness/lib/b.ts"; import "undici";
         export * from "@x/y/z.js"; const c = await import("./c.ts");`,
      ),
    ).toEqual([
      { file: "harness/lib/a.ts" },
      { package: "undici" },
      { file: "harness/lib/b.ts" },
      { package: "@x/y" },
      { file: "harness/kube/c.ts" },
    ]);
  });

  test.each([
    ["an import upwards", "harness/lib/a.ts", `import "#harness/kube/k.ts"`],
    ["a relative import upwards", "harness/lib/a.ts", `import "../kube/k.ts"`],
    ["an import of a type", "harness/lib/a.ts", `import type { K } from "#harness/kube/k.ts"`],
    ["a file of the harness in no module", "harness/a.ts", `import "#harness/lib/l.ts"`],
    ["an import of such a file", "suites/a.ts", `import "#harness/a.ts"`],
    ["a file of the root that imports a module", "vitest.config.ts", `import "./harness/lib/l.ts"`],
    ["a module without a rule", "harness/new/a.ts", ""],
    ["a package that another module owns", "harness/lib/a.ts", `import { request } from "undici"`],
    ["a test that imports what its module may not", "harness/lib/a.test.ts", `import "#harness/kube/k.ts"`],
    ["an import of a test", "harness/kube/a.ts", `import "./b.test.ts"`],
  ])("refuses %s", (_, path, source) => {
    expect(forbiddenImports([file(path, source)], rules)).toHaveLength(1);
  });

  test("allows what the rules allow", () => {
    const allowed = [
      file(
        "harness/kube/a.ts",
        `import "undici"; import "./b.ts"; import "#harness/lib/l.ts"; import "node:fs";`,
      ),
      file("harness/kube/a.test.ts", `import "../../suites/s.ts"`),
      file("vitest.config.ts", `import { defineConfig } from "vitest/config"`),
    ];
    expect(forbiddenImports(allowed, rules)).toEqual([]);
  });

  test("finds cycles between files and between modules", () => {
    const a = file("harness/lib/a.ts", `import type { B } from "./b.ts"`);
    const b = file("harness/lib/b.ts", `import "./c.ts"`);
    const c = file("harness/lib/c.ts", `import "./a.ts"`);
    expect(fileCycles([a, b])).toEqual([]);
    expect(fileCycles([a, b, c])).toHaveLength(1);
    expect(ruleCycles(new Map([...rules, ["lib", rule(["suites"])]]))).toHaveLength(1);
  });
});
