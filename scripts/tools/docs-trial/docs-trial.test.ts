import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readProveTables } from "#harness/config/prove-tables.ts";
import { faults } from "#harness/faults/index.ts";
import { matches } from "#harness/lib/pattern.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { listTests, loadSuites } from "#harness/testkit/suite-list.ts";
import { readRules } from "../../structure/rules.ts";
import { importsOf } from "../../structure/source-files.ts";
import { forbiddenImports } from "../../structure/violations.ts";
import { suitesOf, titledBlocks } from "./blocks.ts";
import { suiteGuide } from "./docs-trial.ts";
import { copyIn } from "./files.ts";

const root = repoRoot();
const blocksOf = (guide: string) => titledBlocks(readFileSync(join(root, guide), "utf8"));
const suiteBlocks = blocksOf(suiteGuide);
const faultBlocks = blocksOf("docs/guides/writing-a-fault.md");
const sources = [...suiteBlocks, ...faultBlocks].filter((b) => b.path.endsWith(".ts"));

/** A folder that resolves `#harness/` as the repository does. */
let home: string;
beforeAll(() => {
  home = tempFolder("docs");
  mkdirSync(join(home, "suites"));
  symlinkSync(join(root, "harness"), join(home, "harness"));
  symlinkSync(join(root, "package.json"), join(home, "package.json"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("the examples of the guides", () => {
  test("a suite with its fault table and a fault exist, with fewer than 60 lines together", () => {
    expect(suiteBlocks.map((b) => b.path)).toEqual([
      "suites/remote-service/remote-service.suite.ts",
      "suites/remote-service/remote-service.faults.yaml",
    ]);
    expect(suitesOf(suiteBlocks)).toEqual(["remote-service"]);
    expect(faultBlocks.map((b) => b.path)).toEqual(["harness/faults/catalogue/vxlan-drop-back.ts"]);
    const lines = [...suiteBlocks, ...faultBlocks].map((b) => b.text.split("\n").length - 1);
    expect(lines.reduce((sum, n) => sum + n, 0)).toBeLessThan(60);
  });

  test.each(sources)("$path imports what exists and what its module may import", async ({ path, text }) => {
    const imports = importsOf(path, text);
    expect(forbiddenImports([{ path, imports }], readRules(root))).toEqual([]);
    const files = imports.flatMap((to) => ("file" in to ? [to.file] : []));
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    for (const { entries, moduleRequest } of parseSync(path, text).module.staticImports) {
      const [file] = importsOf(path, `import "${moduleRequest.value}"`).flatMap((to) =>
        "file" in to ? [to.file] : [],
      );
      const values = entries.filter((e) => !e.isType).map((e) => e.importName.name);
      if (file !== undefined && values.length > 0)
        expect(Object.keys(await import(join(root, file))), file).toEqual(expect.arrayContaining(values));
    }
  });

  test("the suite is listed, and its table names faults and tests that exist and kills every test", async () => {
    using _files = copyIn(home, suiteBlocks);
    const listed = listTests(await loadSuites(join(home, "suites")), ["east", "west"]);
    const titles = listed.get("remote-service") ?? [];
    expect(titles).toEqual(["east: the others serve its clients", "west: the others serve its clients"]);
    const table = (await readProveTables(join(home, "suites"))).get("remote-service") ?? {};
    expect(faults.map((f) => f.name)).toEqual(expect.arrayContaining(Object.keys(table)));
    const killed = Object.values(table).flatMap(({ mustFail }) =>
      titles.filter((title) => mustFail.some((pattern) => matches(pattern, title, ["east", "west"]))),
    );
    expect([...new Set(killed)].sort()).toEqual(titles);
  });
});

describe("copying in", () => {
  const block = { path: "suites/a/a.suite.ts", text: "a\n" };

  test("removes the written files and the folder", () => {
    const files = copyIn(home, [block]);
    expect(readFileSync(join(home, block.path), "utf8")).toBe("a\n");
    files[Symbol.dispose]();
    expect(readdirSync(join(home, "suites"))).toEqual([]);
  });

  test("refuses a file that exists, and writes and removes nothing", () => {
    mkdirSync(join(home, "suites/b"));
    writeFileSync(join(home, "suites/b/b.faults.yaml"), "mine\n");
    expect(() => copyIn(home, [block, { path: "suites/b/b.faults.yaml", text: "" }])).toThrow(
      "suites/b/b.faults.yaml already exists",
    );
    expect(existsSync(join(home, block.path))).toBe(false);
    expect(readFileSync(join(home, "suites/b/b.faults.yaml"), "utf8")).toBe("mine\n");
  });

  test.each(["harness/lib/a.ts", "suites/a.ts", "suites/../a/b.ts", "../suites/a/b.ts", "suites/.git/a"])(
    "refuses %s, which is not in a suite's folder",
    (path) => {
      expect(() => copyIn(home, [{ path, text: "" }])).toThrow("is not a file of a suite's folder");
    },
  );
});
