import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { runCli } from "./as-process.ts";

/** Prints the packages whose files a process loads, as its last line on standard error. */
const spy = `
import { registerHooks } from "node:module";
const seen = new Set();
registerHooks({ load(url, context, next) {
  const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
  if (name) seen.add(name);
  return next(url, context);
}});
process.on("exit", () => process.stderr.write("\\n" + JSON.stringify([...seen]) + "\\n"));
`;
const heavy = [
  "@kubernetes/client-node",
  "testcontainers",
  "esbuild",
  "etcd3",
  "undici",
  "vitest",
  "linkedom",
];

describe("list", () => {
  test.each(["suites", "tests", "faults", "profiles", "versions"])(
    "%s as JSON, with no lab, no Docker and no big library",
    (what) => {
      const file = join(tempFolder("spy"), "spy.mjs");
      writeFileSync(file, spy);
      const { code, stdout, stderr } = runCli(["list", what, "--json"], ["--import", file]);
      expect(code, stderr).toBe(0);
      const listed = JSON.parse(stdout)[what] as unknown[];
      expect(listed.length).toBeGreaterThan(3);
      const loaded = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as string[];
      expect(loaded).toContain("commander");
      expect(loaded.filter((name) => heavy.includes(name))).toEqual([]);
    },
  );

  test("as text, one line each", () => {
    const { stdout } = runCli(["list", "tests"]);
    expect(stdout.split("\n")).toContain("pod-to-pod > east -> west > TCP from every node to every node");
    expect(runCli(["list", "versions"]).stdout).toMatch(/^cilium +1\.20\.2$/m);
  });

  test("suites of another folder are listed, and import the testkit by its name", () => {
    const dir = tempFolder("other");
    mkdirSync(join(dir, "other"));
    writeFileSync(
      join(dir, "other/other.suite.ts"),
      `import { defineSuite } from "meshproof/testkit";
export default defineSuite(
  { name: "other", tags: [], when: "lab", goal: "g", method: "m", failureMeans: "f" },
  ({ test }) => test("passes", async () => {}),
);`,
    );
    const { stdout, stderr } = runCli(["list", "tests", "--suites-dir", dir]);
    expect(stdout.split("\n"), stderr).toContain("other > passes");
  });

  test.each(["faults", "profiles", "versions"])("%s knows no folder of suites, and refuses one", (what) => {
    const { code, stdout, stderr } = runCli(["list", what, "--suites-dir", "/tmp"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("unknown option '--suites-dir'");
  });

  test("a folder of suites that does not exist is refused by name", () => {
    const { code, stderr } = runCli(["list", "suites", "--suites-dir", "/no/such"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--suites-dir /no/such cannot be read");
  });
});
