import { expect, test } from "vitest";
import { chartSettings } from "./chart-settings.ts";
import { predecessorsOf, successorOf } from "./flag-successors.ts";
import { flagLack, isKnownFlag, knownFlags } from "./flags.ts";

test("every setting that a chart writes is a flag that some program has", () => {
  const settings = chartSettings.flatMap((row) => row.setting ?? []);
  expect(settings.filter((name) => !isKnownFlag(name))).toEqual([]);
  expect(knownFlags.length).toBeGreaterThan(600);
});

test("every flag with a successor was removed, and its successor exists", () => {
  const removed = knownFlags.filter((flag) => Object.keys(successorOf(flag)).length > 0);
  expect(removed.length).toBeGreaterThan(15);
  for (const flag of removed) {
    expect(flagLack(flag, "1.20.2"), flag).toMatchObject({ removed: expect.any(String) });
    const { instead } = successorOf(flag);
    if (instead === undefined) continue;
    expect(flagLack(instead, "1.20.2"), instead).toBeUndefined();
    expect(isKnownFlag(instead), instead).toBe(true);
    expect(predecessorsOf(instead)).toContain(flag);
  }
});

test("a flag is one of a program, and a hidden one may be of any", () => {
  expect(flagLack("enable-lb-ipam", "1.18.11", "agent")).toEqual({ brought: "1.19" });
  expect(flagLack("enable-lb-ipam", "1.18.11", "operator")).toBeUndefined();
  expect(flagLack("enable-lb-ipam", "1.18.11")).toBeUndefined();
  expect(flagLack("enable-datapath-plugins", "1.20.2", "kvstoremesh")).toBeUndefined();
  expect(flagLack("enable-datapath-plugins", "1.19.7", "kvstoremesh")).toEqual({ brought: "1.20" });
  expect([isKnownFlag("aws-max-results-per-call", "agent"), isKnownFlag("constructor")]).toEqual([
    false,
    false,
  ]);
});
