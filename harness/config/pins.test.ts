import { describe, expect, test } from "vitest";
import { kubernetesFor, pins, untestedPair } from "./pins.ts";

describe("the Kubernetes version of a lab", () => {
  test.each(Object.entries(pins.minors))("follows Cilium %s", (minor, { kubernetes }) => {
    expect(kubernetesFor(`${minor}.0`)).toBe(kubernetes);
  });

  test("of a minor that is not pinned is that of the nearest older one", () => {
    expect(kubernetesFor("1.99.0")).toBe(Object.values(pins.minors).at(-1)?.kubernetes);
    expect(kubernetesFor("1.2.0")).toBe(Object.values(pins.minors)[0]?.kubernetes);
  });
});

describe("a pair of versions", () => {
  test("that upstream tests needs no mark", () => {
    expect(untestedPair("1.20.2", "1.36.4")).toBeUndefined();
    expect(untestedPair("1.99.0", "1.36.4")).toBeUndefined();
  });

  test("that upstream does not test is named with what is tested", () => {
    expect(untestedPair("1.18.11", "1.34.9")).toBe(
      "Cilium 1.18 is not tested upstream with Kubernetes 1.34 (tested: 1.30, 1.31, 1.32, 1.33)",
    );
  });
});
