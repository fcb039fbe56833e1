import { expect, test } from "vitest";
import { MeshproofError } from "#harness/lib/errors.ts";
import { settledInTime } from "./settled.ts";

const late = (cause?: unknown): Promise<never> =>
  Promise.reject(new MeshproofError("timeout", "waited 60 s for a backend", { cause }));

test("what is not reached in time does not end a set-up", async () => {
  await expect(settledInTime([Promise.resolve(), late(), late(new Error("lost"))])).resolves.toBeUndefined();
});

test("what a slow look saw is reached", async () => {
  const undecided = Promise.reject(new MeshproofError("undecided", "seen by a look that ended too late"));
  await expect(settledInTime([undecided])).resolves.toBeUndefined();
});

test.each([
  ["an interruption", new MeshproofError("aborted", "interrupted")],
  ["trouble of the test machine behind a timeout", undefined],
  ["an error of the harness", new TypeError("no such thing")],
])("%s does", async (_, error) => {
  const wait =
    error === undefined
      ? late(new MeshproofError("probe-failed", "the prober ended"))
      : Promise.reject(error);
  await expect(settledInTime([late(), wait])).rejects.toThrow();
});
