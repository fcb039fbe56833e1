import { expect, test } from "vitest";
import { cachedLines, imageLines, imagesRecord, prunedLines } from "./image-lines.ts";

const part = (name: string, ...notes: string[]) => ({
  name,
  version: "v1.20.2",
  origin: "Go module",
  sum: "h1:x",
  ...(notes.length === 0 ? {} : { notes }),
});
const artifacts = {
  source: "source" as const,
  reason: "requested",
  clusters: {},
  provenance: [
    part("cilium", "a is refused", "b is refused"),
    part("helm"),
    part("cilium-operator", "a is refused"),
  ],
};

test("`images` names each substitution once, with every component that was built with it", () => {
  expect(imageLines(artifacts)).toEqual([
    "images from source (requested)",
    "substitution: cilium v1.20.2, cilium-operator v1.20.2: a is refused",
    "substitution: cilium v1.20.2: b is refused",
  ]);
});

test("so does `images --json`", () => {
  expect(imagesRecord(artifacts).substitutions).toEqual([
    { components: ["cilium v1.20.2", "cilium-operator v1.20.2"], what: "a is refused" },
    { components: ["cilium v1.20.2"], what: "b is refused" },
  ]);
});

const cached = (name: string, over: object = {}) => ({
  where: "cache" as const,
  name,
  bytes: 300 * 1024 ** 2,
  pinned: false,
  usedBy: [],
  ...over,
});

test("`images list` says of each entry why it is needed, and sums what is not", () => {
  expect(
    cachedLines([
      cached("go/a", { pinned: true, usedBy: ["lab meshproof"] }),
      cached("b", { where: "docker" }),
    ]),
  ).toEqual([
    "  300 MiB  cache   go/a: named by the pins, used by lab meshproof",
    "  300 MiB  docker  b: not needed",
    "total: 300 MiB in the cache; 300 MiB in Docker, with the layers that they share counted in each",
    "not needed: 300 MiB in Docker, with the layers that they share counted in each (`images prune` removes it)",
  ]);
});

test("`images prune` says what it removed, what it left and what it freed", () => {
  const pruned = { removed: [cached("go/a")], left: [cached("go/b")], notes: [] };
  expect(prunedLines(pruned, false)).toEqual([
    "removed go/a (300 MiB)",
    "left go/b: another process or a container uses it now",
    "freed: 300 MiB in the cache",
  ]);
  expect(prunedLines({ ...pruned, left: [] }, true)[0]).toBe("would remove go/a (300 MiB)");
});
