import { expect, test } from "vitest";
import { goDurationMs } from "./go-duration.ts";

test.each([
  ["20s", 20_000],
  ["1m0s", 60_000],
  ["1h2m3s4ms", 3_723_004],
  ["0s", 0],
  ["", 0],
])("%s is %d ms", (text, ms) => {
  expect(goDurationMs(text)).toBe(ms);
});
