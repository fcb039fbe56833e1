import { expect, test } from "vitest";
import { errorCodes } from "./error-codes.ts";
import { isTestMachineError, MeshproofError, mayComeOfSlowness } from "./errors.ts";
import { eventually } from "./eventually.ts";

const signal = new AbortController().signal;
const waiting = { what: "a thing", withinMs: 10, everyMs: 2, signal };
const silent = new MeshproofError("probe-failed", "the prober at east/n1 has been silent for 6.0s");

test("a command that ends with an error exits with its code", () => {
  for (const [code, { exitCode }] of Object.entries(errorCodes))
    expect(new MeshproofError(code as keyof typeof errorCodes, "x").exitCode).toBe(exitCode);
});

test("what the test machine is to blame for ends no command as a failure of the mesh", () => {
  for (const { blame, exitCode } of Object.values(errorCodes))
    if (blame !== "mesh") expect(exitCode).not.toBe(1);
});

test("a prober that failed inside a wait is the test machine's trouble, however deep", async () => {
  const waited: unknown = await eventually(() => Promise.reject(silent), waiting).catch((e: unknown) => e);
  expect(waited).toMatchObject({ code: "timeout" });
  expect(isTestMachineError(waited)).toBe(true);
  expect(
    isTestMachineError(
      new MeshproofError("cleanup-failed", "x", { cause: new Error("y", { cause: waited }) }),
    ),
  ).toBe(true);
  expect(isTestMachineError(new MeshproofError("timeout", "nobody answered"))).toBe(false);
});

test("of several errors every one must be the test machine's", () => {
  const both = (second: Error) =>
    isTestMachineError(
      new MeshproofError("cleanup-failed", "x", { cause: new AggregateError([silent, second]) }),
    );
  expect(both(new MeshproofError("disk-short", "x"))).toBe(true);
  expect(both(new Error("expected 1 to be 2"))).toBe(false);
});

test("what crossed a process is read as data, a ring of causes ends", () => {
  const plain: { code: string; cause?: unknown } = { code: "timeout", cause: { code: "probe-failed" } };
  expect(isTestMachineError(plain)).toBe(true);
  const ring: { code: string; cause?: unknown } = { code: "timeout" };
  ring.cause = ring;
  expect(isTestMachineError(ring)).toBe(false);
  for (const odd of [undefined, null, "rig-spoiled", { code: "toString" }, { code: 23 }])
    expect(isTestMachineError(odd)).toBe(false);
});

test.each([
  [{ code: "kube-request" }, true],
  [{ code: "timeout" }, true],
  [{ name: "TestTimeoutError", message: "Test timed out in 300000ms." }, true],
  [{ name: "HookTimeoutError" }, true],
  [{ code: "aborted", cause: { name: "AbortError", cause: { code: "timeout" } } }, true],
  [{ code: "fault-no-effect", cause: { code: "timeout" } }, true],
  [{ name: "AssertionError" }, false],
  [{ code: "evidence-malformed" }, false],
])("%j may come of a slow machine: %s", (error, may) => {
  expect(mayComeOfSlowness(error)).toBe(may);
});
