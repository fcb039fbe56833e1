import { expect, test } from "vitest";
import type { TestRecord } from "#harness/model/record.ts";
import { failUnexpectedSkip, readAllowances } from "./unsupported.ts";

test("an unsupported test that the list does not allow is a failure", () => {
  const skipped: TestRecord = {
    suite: "policy",
    name: "L7 rules",
    outcome: "unsupported",
    reasons: ["no Envoy"],
    durationMs: 0,
    notes: {},
  };
  const allow = {
    suite: "policy",
    test: "L7*",
    cilium: "1.19.*",
    imageSource: "*",
    profile: "kkp",
    serviceType: "NodePort",
    why: "",
  };
  const here = {
    ciliums: ["1.19.4"],
    imageSource: "source",
    profile: "kkp",
    serviceType: "NodePort",
    suites: ["policy"],
  };
  expect(failUnexpectedSkip(skipped, [allow], here).outcome).toBe("unsupported");
  for (const other of [{ ciliums: ["1.20.0"] }, { profile: "cli" }, { serviceType: "LoadBalancer" }])
    expect(failUnexpectedSkip(skipped, [allow], { ...here, ...other })).toMatchObject({
      outcome: "fail",
      reasons: [expect.stringContaining("no Envoy")],
    });
  expect(failUnexpectedSkip(skipped, [], here).outcome).toBe("fail");
  const named = { ...here, suites: [] };
  expect(failUnexpectedSkip(skipped, [], named).outcome).toBe("unsupported");
});

test("a replica that crashes again and again may go untested only where every node is an address of the apiserver", async () => {
  const skipped: TestRecord = {
    suite: "apiserver-crash-loop",
    name: "east -> west > east learns a new pod of west while one of its two clustermesh-apiservers restarts again and again",
    outcome: "unsupported",
    reasons: ["each node"],
    durationMs: 0,
    notes: {},
  };
  const allowances = await readAllowances();
  const outcome = (profile: string, serviceType: string) =>
    failUnexpectedSkip(skipped, allowances, {
      ciliums: ["1.20.2"],
      imageSource: "source",
      profile,
      serviceType,
      suites: [skipped.suite],
    }).outcome;
  expect(outcome("default", "NodePort")).toBe("unsupported");
  expect(outcome("cli", "LoadBalancer")).toBe("unsupported");
  expect(outcome("default", "LoadBalancer")).toBe("fail");
  expect(outcome("kkp", "LoadBalancer")).toBe("fail");
});
