import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { profileNames } from "#harness/config/profiles.ts";
import { matches } from "#harness/core/pattern.ts";
import { faults } from "#harness/fault/index.ts";
import { repoRoot } from "#harness/host/paths.ts";
import { listTestsOnPaper } from "./list-tests.ts";

const reasons = ["gone from Cilium: ", "needs published images: ", "needs a kernel feature: "];

/** The rows of the README's table of the four documents. */
function rows(): { readonly says: string; readonly here: string; readonly coveredBy: string }[] {
  const readme = readFileSync(join(repoRoot(), "README.md"), "utf8");
  const section = readme.split("## The documents it descends from")[1]!.split("\n## ")[0]!;
  return section
    .split("\n")
    .filter((l) => /^\| [1-4]/.test(l))
    .map((l) => {
      const [, , says, here, coveredBy] = l.split("|").map((c) => c.trim());
      return { says: says!, here: here!, coveredBy: coveredBy! };
    });
}

let tests: Map<string, string[]>;
beforeAll(async () => {
  tests = await listTestsOnPaper();
}, 60_000);

/** Whether a reference names something that there is: a test of a suite, a fault, a test of the harness's own. */
function exists(reference: string): boolean {
  const fault = /^fault (\S+)$/.exec(reference)?.[1];
  if (fault !== undefined) return faults.some((f) => f.name === fault);
  const [home, name] = reference.split(" > ", 2) as [string, string | undefined];
  if (name === undefined) return false;
  const pattern = reference.slice(home.length + 3);
  if (home.endsWith(".test.ts")) {
    const source = readFileSync(join(repoRoot(), home), "utf8");
    return [...source.matchAll(/^\s*test\("([^"]+)"/gm)].some(([, found]) => matches(pattern, found!));
  }
  return (tests.get(home) ?? []).some((found) => matches(pattern, found));
}

test("every instruction of the four documents is covered by a test that exists, or has a reason of the closed list", () => {
  expect(rows().length).toBeGreaterThan(30);
  for (const { says, coveredBy } of rows()) {
    const references = [...coveredBy.matchAll(/`([^`]+)`/g)].map(([, r]) => r!);
    const reason = reasons.find((r) => coveredBy.startsWith(r));
    expect(references.length > 0 || reason !== undefined, `"${says}" is covered by something`).toBe(true);
    if (reason?.startsWith("gone")) continue;
    for (const reference of references)
      expect(exists(reference), `"${says}": there is a test \`${reference}\``).toBe(true);
  }
});

test("every profile that the table names is one", () => {
  const named = rows().flatMap(({ here }) =>
    [...here.matchAll(/--profile ([a-z-]+)/g)].map(([, name]) => name),
  );
  expect([...new Set(named)].sort()).toEqual(profileNames.filter((p) => p !== "default").sort());
});
