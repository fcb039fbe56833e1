import { expect, test } from "vitest";
import { runContextSchema } from "#harness/model/run-context.ts";
import { holdsSurprise } from "./surprise.ts";

type Suite = Parameters<typeof holdsSurprise>[0];
const task = (name: string, state: "pass" | "fail" | "skip", message = "") => ({
  type: "test",
  name,
  meta: { meshproof: { fault: { name: "f", subject: "s", names: ["east-worker"] } } },
  result: { state, errors: message === "" ? [] : [{ message }] },
});
const suite = (...tasks: object[]) => ({ type: "suite", tasks }) as unknown as Suite;
const run = (more: object = {}) =>
  runContextSchema.parse({
    version: 1,
    runId: "r",
    lab: "a",
    clusters: ["east", "west"],
    reportsDir: "/r",
    ...more,
  });
const underFault = run({
  fault: "f",
  expected: { paths: { mustFail: ["{1} -> {2} > TCP"], mustPass: [], mayFail: ["*UDP"] } },
});
const named = "no answer from east-worker";

test("without a fault a failure is one to look at", () => {
  expect(holdsSurprise(suite(task("x", "pass")), "paths", run())).toBe(false);
  expect(holdsSurprise(suite(task("x", "fail")), "paths", run())).toBe(true);
  expect(holdsSurprise(suite(task("x", "fail")), "paths", run({ fault: "f" }))).toBe(true);
});

test.each([
  ["what the fault should break and broke", task("east -> west > TCP", "fail", named), false],
  ["the same in a later repetition", task("east -> west > TCP (2 of 3)", "fail", named), false],
  ["a survivor", task("east -> west > TCP", "pass"), true],
  ["a failure that does not name the target", task("east -> west > TCP", "fail", "no answer"), true],
  ["what should not break and broke", task("west -> east > TCP", "fail", named), true],
  ["what may break", task("east -> west > UDP", "fail", named), false],
  ["what was left out", task("east -> west > TCP", "skip"), false],
])("under a fault: %s", (_, only, is) => {
  expect(holdsSurprise(suite(only, task("west -> east > ICMP", "pass")), "paths", underFault)).toBe(is);
});

test("a set-up that failed is always one to look at", () => {
  const failed = { ...suite(), result: { state: "fail", errors: [{ message: "it broke" }] } };
  expect(holdsSurprise(failed as unknown as Suite, "paths", underFault)).toBe(true);
});

test("a failure that the user accepts is none to look at, under a fault too", () => {
  const accepted = { accepted: { paths: ["x"] } };
  expect(holdsSurprise(suite(task("x (2 of 3)", "fail")), "paths", run(accepted))).toBe(false);
  expect(holdsSurprise(suite(task("y", "fail")), "paths", run(accepted))).toBe(true);
  expect(holdsSurprise(suite(task("x", "fail")), "paths", run({ ...accepted, fault: "f" }))).toBe(false);
});
