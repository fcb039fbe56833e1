import { expect, test } from "vitest";
import { chartsRead } from "./chart-settings.ts";
import { besideRead, chartsAround, lackOf, leafAt } from "./releases-read.ts";

test("a version between two releases counts as both, one outside them as the nearest of its minor", () => {
  expect(chartsAround("1.19.2")).toEqual(["1.19.1", "1.19.4"]);
  expect(chartsAround("1.20.9")).toEqual([chartsRead.at(-1)]);
  expect(chartsAround("v1.18.2")).toEqual(["1.18.6"]);
  expect(chartsAround("1.21.0")).toEqual([]);
  expect(chartsAround("main")).toEqual([]);
});

test.each([
  ["1.20.2", undefined],
  ["1.19.5", undefined],
  ["1.20.9", { is: "newer", nearest: "1.20.2", sameMinor: true }],
  ["1.19.8", { is: "newer", nearest: "1.19.7", sameMinor: true }],
  ["1.18.2", { is: "older", nearest: "1.18.6", sameMinor: true }],
  ["1.21.0", { is: "newer", nearest: "1.20.2", sameMinor: false }],
  ["2.0.0", { is: "newer", nearest: "1.20.2", sameMinor: false }],
  ["1.17.9", { is: "older", nearest: "1.18.6", sameMinor: false }],
])("%s beside the releases that were read", (version, expected) => {
  expect(besideRead(version)).toEqual(expected);
});

test.each([
  ["brought later", "-; 1.19.1 x", "1.18.11", { brought: "1.19" }],
  ["brought by a later patch release", "-; 1.19.4 x", "1.19.1", { brought: "1.19.4" }],
  ["removed", "x; 1.20.0 -", "1.20.2", { removed: "1.20" }],
  ["removed by a patch release", "x; 1.19.4 -", "1.20.2", { removed: "1.19.4" }],
  ["brought, removed and brought again", "x; 1.19.1 -; 1.19.4 x", "1.19.1", { brought: "1.19.4" }],
  ["that it has", "x", "1.20.2", undefined],
  ["between a release with it and one without it", "-; 1.19.4 x", "1.19.2", undefined],
  ["that no release has", "-", "1.20.2", undefined],
  ["removed before a release that was not read", "x; 1.20.0 -", "1.21.0", { removed: "1.20" }],
  ["of a release that was not read", "x", "1.21.0", undefined],
  ["brought after an older release that was not read", "-; 1.19.1 x", "1.17.3", { brought: "1.19" }],
  ["that the oldest release has", "x", "1.17.3", undefined],
])("something %s", (_, leaf, version, expected) => {
  expect(lackOf(version, (release) => leafAt(leaf, release) !== "-")).toEqual(expected);
});
