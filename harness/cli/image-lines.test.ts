import { expect, test } from "vitest";
import { imageLines, imagesRecord } from "./image-lines.ts";

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
  provenance: [part("cilium", "a is refused", "b is refused"), part("helm"), part("cilium-operator", "a is refused")],
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
