import { expect, test } from "vitest";
import { closest } from "./closest.ts";

test.each([
  ["cacheTTl", ["cacheTTL", "config"], "cacheTTL"],
  ["enabeld", ["enabled", "clusters"], "enabled"],
  ["methd", ["method", "enabled"], "method"],
  ["nodeselektor", ["nodeSelector"], "nodeSelector"],
  ["x", ["yz", "abc"], undefined],
  ["image", ["operator"], undefined],
  ["ipv5", ["ipv4", "ipv6"], undefined],
  ["any", [], undefined],
])("%s of %j means %s", (written, words, meant) => {
  expect(closest(written, words)).toBe(meant);
});
