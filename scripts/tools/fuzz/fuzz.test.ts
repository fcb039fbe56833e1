import { expect, test } from "vitest";
import { fuzz } from "./fuzz.ts";

test("500 generated archives: typed errors with remedies, escaped output, bounded time and memory", async () => {
  const exitCodes = await fuzz({ runs: 500, seed: 23 });
  expect([...exitCodes.values()].reduce((sum, n) => sum + n, 0)).toBe(500);
  // Each kind of outcome occurs, so that the checks are not vacuous.
  expect(exitCodes.get(2)).toBeGreaterThan(100);
  expect(exitCodes.get(3)).toBeGreaterThan(50);
}, 900_000);
