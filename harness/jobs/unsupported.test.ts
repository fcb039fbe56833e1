import { expect, test } from "vitest";
import type { TestRecord } from "#harness/model/record.ts";
import { failUnexpectedSkip } from "./unsupported.ts";

test("an unsupported test that the list does not allow is a failure", () => {
  const skipped: TestRecord = {
    suite: "policy",
    name: "L7 rules",
    outcome: "unsupported",
    reasons: ["no Envoy"],
    durationMs: 0,
    notes: {},
  };
  const allow = { suite: "policy", test: "L7*", cilium: "1.19.*", imageSource: "*", profile: "kkp", why: "" };
  const here = { ciliums: ["1.19.4"], imageSource: "source", profile: "kkp", suites: ["policy"] };
  expect(failUnexpectedSkip(skipped, [allow], here).outcome).toBe("unsupported");
  for (const other of [{ ciliums: ["1.20.0"] }, { profile: "cli" }])
    expect(failUnexpectedSkip(skipped, [allow], { ...here, ...other })).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("no Envoy")],
    });
  expect(failUnexpectedSkip(skipped, [], here).outcome).toBe("fail");
  const named = { ...here, suites: [] };
  expect(failUnexpectedSkip(skipped, [], named).outcome).toBe("unsupported");
});
