import { expect, test } from "vitest";
import { failUnexpectedSkips } from "./unsupported.ts";

test("an unsupported test that the list does not allow is a failure", () => {
  const suite = {
    name: "policy",
    goal: "",
    method: "",
    durationMs: 0,
    errors: [],
    tests: [
      {
        suite: "policy",
        name: "L7 rules",
        outcome: "unsupported" as const,
        reasons: ["no Envoy"],
        durationMs: 0,
        notes: {},
      },
    ],
  };
  const allow = { suite: "policy", test: "L7*", cilium: "1.19.*", imageSource: "*", profile: "kkp", why: "" };
  const here = { ciliums: ["1.19.4"], imageSource: "source", profile: "kkp", suites: ["policy"] };
  expect(failUnexpectedSkips([suite], [allow], here)[0]?.tests[0]?.outcome).toBe("unsupported");
  for (const other of [{ ciliums: ["1.20.0"] }, { profile: "cli" }])
    expect(failUnexpectedSkips([suite], [allow], { ...here, ...other })[0]?.tests[0]).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("no Envoy")],
    });
  expect(failUnexpectedSkips([suite], [], here)[0]?.tests[0]?.outcome).toBe("fail");
  const named = { ...here, suites: [] };
  expect(failUnexpectedSkips([suite], [], named)[0]?.tests[0]?.outcome).toBe("unsupported");
});
