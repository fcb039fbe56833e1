import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { meshCommand, shellQuote } from "./shell-quote.ts";
import { textOfOthers } from "./visible-examples.ts";

/** The words into which a shell splits a line. */
const wordsOf = (line: string): string[] =>
  execFileSync("sh", ["-c", `printf '%s\\0' ${line}`])
    .toString()
    .split("\0")
    .slice(0, -1);

const word = fc
  .oneof(
    textOfOthers,
    fc.constantFrom("", "~", "*", "a b", "it's", "''", "$HOME", "`id`", "!!", "=ls", "a=b", "#a", "-n", "&&"),
  )
  .map((text) => text.replaceAll("\0", "").toWellFormed());

test("a shell splits the line into the same words", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      expect(wordsOf(shellQuote(words))).toEqual(words);
    }),
    { numRuns: 40 },
  );
});

test("a word that needs no quotes is not quoted", () => {
  const plain = [
    "--cilium",
    "east=1.19.4",
    "--values=/a/b_c.yaml",
    "west,east",
    "10.1.0.0/16",
    "user@host:1",
  ];
  expect(shellQuote(plain)).toBe(plain.join(" "));
  expect(meshCommand("test", "--lab", "my lab")).toBe("npm run mesh -- test --lab 'my lab'");
});

test("no command line to paste is built without shellQuote", () => {
  const root = join(import.meta.dirname, "../..");
  const files = globSync("{harness,scripts}/**/*.ts", { cwd: root }).filter(
    (f) => !/test\.ts$|shell-quote/.test(f),
  );
  expect(files.length).toBeGreaterThan(100);
  const byHand = files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .filter((line) => /npm run \w+ -- [^`]*\$\{(?!shellQuote)|`(kubectl|docker) [^`]*\$\{/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(byHand).toEqual([]);
});
