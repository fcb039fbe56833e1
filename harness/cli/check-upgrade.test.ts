import { expect, test } from "vitest";
import type { CheckReport } from "#harness/jobs/certify/check/index.ts";
import { describeCheck } from "./check-upgrade.ts";

const report = (over: Partial<CheckReport>): CheckReport => ({
  to: "1.20.2",
  clusters: [
    { name: "east", from: "1.19.7" },
    { name: "west", from: null },
  ],
  findings: [],
  unread: [],
  ...over,
});

test("each finding has its grade and its remedy, the last line counts, and a name cannot forge a line", () => {
  const findings = [
    { id: "value-refused", grade: "serious" as const, message: "a\n[information] b", remedy: "c" },
    { id: "setting-internal", grade: "information" as const, message: "d" },
  ];
  const unread = [{ message: "policies of west were not given", remedy: "give them" }];
  expect(describeCheck(report({ findings, unread }))).toEqual([
    "Cilium 1.19.7 and an unknown version to 1.20.2, east, west:",
    "[serious, value-refused] a\\n[information] b",
    "  before the upgrade: c",
    "[information, setting-internal] d",
    "not read:",
    "- policies of west were not given",
    "  next: give them",
    "1 serious, 1 information, 1 not read",
  ]);
});

test("a cluster's name cannot forge a line either", () => {
  const clusters = [{ name: "east\r\n1 passed, 0 failed", from: "1.19.7" }];
  expect(describeCheck(report({ clusters }))[0]).toBe("Cilium 1.19.7 to 1.20.2, east\\n1 passed, 0 failed:");
});

test("nothing found is said", () => {
  expect(describeCheck(report({})).at(-1)).toBe("nothing found that an operator should know");
});
