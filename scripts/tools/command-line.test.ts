import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repoRoot } from "#harness/platform/paths.ts";
import { parseWords } from "./command-line.ts";

const tool = { usage: "npm run tool -- [LAB]", does: "Does it.", most: 1 };

test("arguments are taken as they are, and --help anywhere prints the usage", () => {
  expect(parseWords([], tool)).toEqual({ words: [] });
  expect(parseWords(["lab"], tool)).toEqual({ words: ["lab"] });
  expect(parseWords(["a", "b"], { usage: "", does: "" })).toEqual({ words: ["a", "b"] });
  expect(parseWords(["lab", "--help"], tool)).toEqual({
    help: "usage: npm run tool -- [LAB]\n\nDoes it.\n",
  });
});

test.each([["--dry-run"], ["-x"], [""], ["lab", "more"]])("%j is refused with the usage", (...words) => {
  expect(() => parseWords(words, tool)).toThrow(
    expect.objectContaining({ code: "usage", exitCode: 2, remedy: "usage: npm run tool -- [LAB]" }),
  );
});

test.each([
  "bench",
  "docs-trial",
  "durations",
  "fault-fixtures",
  "outdated",
  "plant-block",
  "plant-leak",
  "registry-trial",
  "sysdump",
  "timings",
  "versions-matrix",
])(
  "%s refuses an option before it does anything",
  (name) => {
    const main = join(repoRoot(), "scripts/tools", name, "main.ts");
    const run = (option: string) => spawnSync(process.execPath, [main, option], { encoding: "utf8" });
    expect(run("--nonsense")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("usage: npm run"),
    });
    expect(run("--help")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^usage: npm run/) });
  },
  60_000,
);
