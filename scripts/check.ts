// `npm test`: lint, types, dead code and unit tests, one after the other; the counts come last.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const results = join(tmpdir(), `meshproof-unit-${process.pid}.json`);
const steps: readonly (readonly [string, readonly [string, ...string[]]])[] = [
  ["lint", ["biome", "check", "."]],
  ["types", ["tsc", "--noEmit"]],
  ["dead code", ["knip"]],
  [
    "unit tests",
    [
      "vitest",
      "run",
      "--project",
      "unit",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${results}`,
    ],
  ],
];

let passed = 0;
let failed = 0;
for (const [name, [program, ...args]] of steps) {
  process.stdout.write(`\n== ${name}\n`);
  const child = spawnSync(join(import.meta.dirname, "../node_modules/.bin", program), args, {
    stdio: "inherit",
  });
  if (name === "unit tests") {
    const reported = JSON.parse(readFileSync(results, "utf8")) as {
      numPassedTests: number;
      numFailedTests: number;
      success: boolean;
    };
    rmSync(results);
    passed += reported.numPassedTests;
    // Also where all tests passed and the set-up found what they left behind.
    failed += reported.numFailedTests > 0 || child.status === 0 ? reported.numFailedTests : 1;
  } else if (child.status === 0) passed += 1;
  else failed += 1;
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
