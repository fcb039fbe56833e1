import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { signalOfFailure } from "./pause-on-fail.ts";
import { earlierRun, nextSteps } from "./test.ts";

describe("what a person does after a failure", () => {
  const failing = { suite: "failover", name: "east -> west > scale to zero (2 of 3)" };
  const repeat = (options: Omit<Parameters<typeof nextSteps>[0], "lab">): string =>
    nextSteps({ lab: "one", ...options }, "reports/r", failing)[0] ?? "";

  test("the test is repeated on the lab that stays, without its count", () => {
    expect(repeat({ fault: "ghost", suitesDir: "/s", baseline: "b.ndjson", bugtool: true })).toBe(
      "repeat:   npm run mesh -- test failover --test 'east -> west > scale to zero' --lab one --with-fault ghost --suites-dir /s --baseline b.ndjson --bugtool",
    );
  });

  test("on a lab made alike, where its own is removed at the end", () => {
    const again = { command: "run", options: ["--cilium", "east=1.18.6", "--lab-file", "a b.yaml"] } as const;
    expect(repeat({ again })).toBe(
      "repeat:   npm run mesh -- run failover --test 'east -> west > scale to zero' --cilium east=1.18.6 --lab-file 'a b.yaml'",
    );
  });
});

test("a run to repeat is named by a path too", async () => {
  const dir = join("/no", "such");
  for (const [named, folder] of [
    [dir, dir],
    ["./such", join(process.cwd(), "such")],
  ] as const)
    await expect(earlierRun({ lab: "one", rerunFailed: named })).rejects.toThrow(
      `there is no finished run in ${folder}`,
    );
});

test("work beside the suites that fails ends them, and its error is thrown to whoever awaits it", async () => {
  const work = Promise.reject(new Error("the folder is gone"));
  const signal = signalOfFailure(work);
  await new Promise((done) => setImmediate(done));
  expect(signal.aborted).toBe(true);
  await expect(work).rejects.toThrow("the folder is gone");
  expect(signalOfFailure(Promise.resolve()).aborted).toBe(false);
});
