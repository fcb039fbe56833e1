import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { sourceOf } from "./source.ts";

const root = tempFolder("source");
const git = (...argv: string[]): void => {
  execFileSync("git", ["-C", root, "-c", "user.name=t", "-c", "user.email=t@t", ...argv], { stdio: "pipe" });
};
function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
write("harness/measure/measure.ts", "1");
write("harness/report/report.ts", "1");
write("suites/failover/failover.suite.ts", "1");

test("a copy without git has the hash of its sources, and says that nothing shows changes", async () => {
  const before = await sourceOf(root);
  expect(before).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{16}$/), tree: "no git" });
  const copy = join(tempFolder("source-copy"), "elsewhere");
  cpSync(root, copy, { recursive: true });
  expect(await sourceOf(copy)).toEqual(before);
  // Its own tree matters, not that of a checkout around it.
  git("init", "-q");
  const inner = join(root, "inner");
  cpSync(copy, inner, { recursive: true });
  expect(await sourceOf(inner)).toEqual(before);
  rmSync(inner, { recursive: true });
});

test("a committed tree is clean; reports that grow do not change that", async () => {
  git("add", ".");
  git("commit", "-qm", "x");
  expect((await sourceOf(root)).tree).toBe("clean");
  write("reports/campaigns/series.ndjson", "{}");
  expect((await sourceOf(root)).tree).toBe("clean");
});

test.each([
  ["a source that measures", "harness/measure/measure.ts", true],
  ["a new source in a folder of a suite", "suites/failover/points.ts", true],
  ["a test", "harness/measure/measure.test.ts", false],
  ["a source that only reports", "harness/report/report.ts", false],
  ["the table of prove", "suites/failover/failover.faults.yaml", false],
])(
  "%s: the tree is changed, and the hash only if it can affect a measurement",
  async (_what, path, affects) => {
    const before = await sourceOf(root);
    write(path, `changed ${path}`);
    const after = await sourceOf(root);
    expect(after.tree).toBe("changed");
    expect(after.hash !== before.hash).toBe(affects);
    git("add", ".");
    git("commit", "-qm", "y");
    expect(await sourceOf(root)).toEqual({ hash: after.hash, tree: "clean" });
  },
);
