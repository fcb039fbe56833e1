import { expect, test } from "vitest";
import { spaceFindings } from "./doctor.ts";

const gib = 1024 ** 3;
const place = (path: string, free: number, device: number) => ({ path, free: free * gib, device });
const space = { dockerBytes: 8 * gib, cacheBytes: 4 * gib, basis: "a build" };
const levels = (docker: number, cache: number, devices: readonly [number, number] = [1, 2]) =>
  spaceFindings(
    { docker: place("/docker", docker, devices[0]), cache: place("/cache", cache, devices[1]) },
    space,
  ).map((f) => [f.name, f.level]);

test("Docker's and the cache's file systems are judged apart: short, hardly enough, enough", () => {
  expect(levels(7, 100)).toEqual([
    ["disk for Docker", "bad"],
    ["disk for the cache", "ok"],
  ]);
  expect(levels(9, 3)).toEqual([
    ["disk for Docker", "warn"],
    ["disk for the cache", "bad"],
  ]);
});

test("on one file system their needs add up", () => {
  expect(levels(11, 11, [1, 1])).toEqual([["disk for Docker and the cache", "bad"]]);
  expect(levels(16, 16, [1, 1])).toEqual([["disk for Docker and the cache", "ok"]]);
});

test("each finding has the estimate, what it follows from, and a remedy", () => {
  const [finding] = spaceFindings({ docker: place("/d", 1, 1), cache: place("/c", 1, 2) }, space);
  expect(finding).toMatchObject({ code: "disk-short", needed: "8.0 GiB, estimated for a build" });
  expect(finding?.remedy).toContain("images prune");
});
