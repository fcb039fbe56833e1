import { expect, test } from "vitest";
import { asError } from "./exec.ts";

test("what a WebSocket rejects with becomes an error with its message", () => {
  const inner = new Error("socket hang up");
  expect(asError({ type: "error", message: "Unexpected server response: 502" }).message).toBe(
    "Unexpected server response: 502",
  );
  expect(asError({ error: inner, message: "m" })).toBe(inner);
  expect(asError(inner)).toBe(inner);
  expect(asError(undefined).message).toBe("the connection could not be opened");
});
