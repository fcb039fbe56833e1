import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Rooms, lowest first: a room imports from rooms of a lower floor, and from its own floor where it is listed. */
const floors: Readonly<Record<string, number>> = {
  core: 0,
  config: 1,
  host: 2,
  kube: 2,
  artifacts: 3,
  lab: 3,
  cluster: 3,
  mesh: 4,
  observe: 4,
  probe: 4,
  fault: 4,
  experiment: 5,
  runs: 6,
};
const pure = ["check", "report", "diagnose"];
const onlyImporters: Readonly<Record<string, RegExp>> = {
  execa: /^host\//,
  testcontainers: /^host\//,
  "@kubernetes/client-node": /^kube\//,
  undici: /^(host|probe\/program|artifacts\/registry)/,
  "p-retry": /^(host|kube)\//,
  etcd3: /^observe\/kvstore/,
  "@secretlint/core": /^host\//,
  "tar-stream": /^host\//,
  yauzl: /^observe\/sysdump\//,
  "@observablehq/plot": /^report\//,
  linkedom: /^report\//,
};

const root = import.meta.dirname;
const files = globSync("**/*.ts", { cwd: root }).filter((f) => !f.endsWith(".test.ts"));
const imports = files.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map((m) => ({
    file,
    to: m[1]!,
  })),
);

test("there is something to look at", () => {
  expect(imports.length).toBeGreaterThan(200);
});

test("imports point one way", () => {
  const wrong = imports.filter(({ file, to }) => {
    const from = file.split("/")[0]!;
    const target = /^#harness\/([^/]+)\//.exec(to)?.[1];
    if (target === undefined || target === from || !file.includes("/")) return false;
    if (pure.includes(from)) return target !== "core";
    if (pure.includes(target))
      return from !== "runs" && from !== "observe" && from !== "fault" && from !== "experiment";
    const [a, b] = [floors[from], floors[target]];
    return a === undefined || b === undefined || b > a;
  });
  expect(wrong).toEqual([]);
});

test("libraries have the one importer that the house gives them", () => {
  const wrong = imports.filter(
    ({ file, to }) => onlyImporters[to] !== undefined && !onlyImporters[to].test(file),
  );
  expect(wrong).toEqual([]);
});

test("suites know nothing of the host", () => {
  const suites = globSync("*.test.ts", { cwd: join(root, "../suites") });
  expect(suites.length).toBeGreaterThanOrEqual(7);
  for (const suite of suites)
    expect(readFileSync(join(root, "../suites", suite), "utf8")).not.toMatch(
      /#harness\/(host|runs|artifacts|lab)\//,
    );
});
