import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { defineSuite, onDefineSuite, type SuiteDefinition } from "./define-suite.ts";

const record: SuiteDefinition<undefined> = {
  name: "example",
  tags: ["core"],
  when: "core",
  goal: "g",
  method: "m",
  failureMeans: "f",
};
const nothing = async (): Promise<void> => {};

test("a body receives cluster names and ordered pairs, and its tests are recorded", () => {
  const suite = defineSuite(record, ({ clusters, pairs, repeat, test }) => {
    for (const { name } of clusters) test(`of ${name}`, nothing);
    for (const pair of pairs)
      test(`${pair.name} > ${pair.from.name} sees ${pair.to.name}`, { requires: ["dualStack"] }, nothing);
    test(`${repeat} times`, { timeoutMs: 5 }, nothing);
  });
  const tests = suite.tests({ clusters: ["a", "b"], repeat: 3 });
  expect(tests.map(({ title, requires, timeoutMs }) => [title, requires, timeoutMs])).toEqual([
    ["of a", undefined, undefined],
    ["of b", undefined, undefined],
    ["a -> b > a sees b", ["dualStack"], undefined],
    ["b -> a > b sees a", ["dualStack"], undefined],
    ["3 times", undefined, 5],
  ]);
  expect(suite.tests({ clusters: ["a"] }).map((t) => t.title)).toEqual(["of a", "1 times"]);
});

test("two tests with the same title, and a suite without tests, are refused", () => {
  const twice = defineSuite(record, ({ test }) => {
    test("the same", nothing);
    test("the same", nothing);
  });
  expect(() => twice.tests({ clusters: [] })).toThrow('example has two tests named "the same"');
  expect(() => defineSuite(record, () => {}).tests({ clusters: [] })).toThrow("example defines no test");
});

test("a suite is registered when it is defined, if a registrar is set", () => {
  const registered: string[] = [];
  onDefineSuite(({ definition }) => void registered.push(definition.name));
  defineSuite(record, ({ test }) => test("one", nothing));
  onDefineSuite(() => {});
  defineSuite({ ...record, name: "other" }, ({ test }) => test("one", nothing));
  expect(registered).toEqual(["example"]);
});

test("listing the suites loads neither vitest nor a client of Kubernetes, etcd or Docker", () => {
  const list = pathToFileURL(join(repoRoot(), "harness/testkit/suite-list.ts")).href;
  const script = `
    import { registerHooks } from "node:module";
    const packages = new Set();
    registerHooks({ resolve: (name, context, next) => {
      const found = next(name, context);
      const at = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url);
      if (at !== null) packages.add(at[1]);
      return found;
    } });
    const { loadSuites, listTests } = await import(${JSON.stringify(list)});
    const tests = listTests(await loadSuites(), ["east", "west"]);
    console.log(JSON.stringify({ suites: tests.size, packages: [...packages] }));`;
  const reported = execFileSync(
    join(repoRoot(), "node_modules/.bin/node"),
    ["--input-type=module", "--eval", script],
    { encoding: "utf8", env: { PATH: process.env.PATH, HOME: "/nowhere" } },
  );
  const { suites, packages } = JSON.parse(reported) as { suites: number; packages: string[] };
  expect(suites).toBeGreaterThan(20);
  for (const heavy of ["vitest", "@kubernetes/client-node", "testcontainers", "etcd3"])
    expect(packages).not.toContain(heavy);
});
