import { expect, test } from "vitest";
import { unixNowMs } from "#harness/lib/clock.ts";
import { notYet, ready } from "#harness/lib/eventually.ts";
import { eventuallyReported, type Reporting } from "./eventually-reported.ts";

const options = { what: "it", withinMs: 30, everyMs: 5, signal: new AbortController().signal };

/** Has reported up to a moment that the test moves on. */
const prober = (reportedUnixMs: number): Reporting & { reportedUnixMs: number } => ({
  assertAlive: () => {},
  reportedUnixMs,
});

test("what a delayed report says is in time", async () => {
  const behind = prober(unixNowMs());
  let looks = 0;
  const startedMs = unixNowMs();
  const look = () => {
    looks += 1;
    return unixNowMs() - startedMs > 200 ? ready("it") : notYet("nothing");
  };
  expect(await eventuallyReported([prober(Number.POSITIVE_INFINITY), behind], look, options)).toBe("it");
  expect(looks).toBeGreaterThan(1);
});

test("time is up when all is reported, and the error is that of the deadline", async () => {
  const behind = prober(unixNowMs());
  const ended = eventuallyReported([behind], () => notYet("nothing"), options);
  behind.reportedUnixMs = unixNowMs() + 1000;
  await expect(ended).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining("nothing") });
});

test("a prober that falls silent ends the wait, and no later look hides it", async () => {
  const silent: Reporting = {
    assertAlive: () => {
      throw new Error("silent");
    },
    reportedUnixMs: 0,
  };
  await expect(eventuallyReported([silent], () => ready("it"), options)).rejects.toThrow("silent");
});
