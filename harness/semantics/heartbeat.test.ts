import { expect, test } from "vitest";
import { noticedWithinMs } from "./heartbeat.ts";

test("a lost cluster is noticed after two heartbeats and a status check, as documented for sizes of clusters", () => {
  const checkMs = (nodes: number): number => noticedWithinMs(nodes) - 120_000;
  expect(checkMs(1)).toBeCloseTo(20_800, -2);
  expect(checkMs(4)).toBeCloseTo(48_300, -2);
  expect(checkMs(512)).toBeCloseTo(187_200, -2);
});
