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

test("an error of the test machine does not make a command exit as if the mesh had failed", () => {
  for (const { blame, exitCode } of Object.values(errorCodes))
    if (blame !== "mesh") expect(exitCode).not.toBe(1);
});

test("a failed prober inside a wait is an error of the test machine, at any depth of causes", async () => {
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

test("several errors are the test machine's only if each of them is", () => {
  const both = (second: Error) =>
    isTestMachineError(
      new MeshproofError("cleanup-failed", "x", { cause: new AggregateError([silent, second]) }),
    );
  expect(both(new MeshproofError("disk-short", "x"))).toBe(true);
  expect(both(new Error("expected 1 to be 2"))).toBe(false);
});

test("an error of another process is read as plain data, and a cycle of causes ends", () => {
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
])("a slow machine can cause %j: %s", (error, expected) => {
  expect(mayComeOfSlowness(error)).toBe(expected);
});
