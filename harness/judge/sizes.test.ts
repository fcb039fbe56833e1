import { expect, test } from "vitest";
import type { AskAnswer } from "#harness/model/probe-wire.ts";
import { judgeSizes, type SizedPath } from "./sizes.ts";

const answer = (outcome: AskAnswer["outcome"], body: string): AskAnswer => ({
  ...{ outcome, body, ms: 1 },
  detail: outcome === "ok" ? "" : "no answer in 1000 ms",
});

const path = (size: string | undefined, answers: readonly AskAnswer[]): SizedPath => ({
  ...{ from: "east/e1 (10.1.0.5)", to: "west/w1 (10.2.0.5)", size, answers },
  expectedBody: size === undefined ? "target-x" : "filled",
});

const small = path(undefined, [answer("ok", "target-x")]);
const full = "1,398 bytes over TCP";

test("all sizes answered", () => {
  expect(judgeSizes([small, path(full, [answer("ok", "filled")])], 1).outcome).toBe("pass");
});

test("a path that is too narrow is named with the size", () => {
  const narrow = path(full, [answer("timeout", ""), answer("timeout", "")]);
  expect(judgeSizes([small, narrow], 1).reasons).toEqual([
    "east/e1 (10.1.0.5) -> west/w1 (10.2.0.5): small requests pass, 1,398 bytes over TCP do not (timeout on 2 of 2): MTU between these nodes",
  ]);
});

test("a path that is down is not a matter of size", () => {
  const down = [path(undefined, [answer("timeout", "")]), path(full, [answer("timeout", "")])];
  expect(judgeSizes(down, 1).reasons).toEqual([
    "east/e1 (10.1.0.5) -> west/w1 (10.2.0.5): timeout on 1 of 1 requests (no answer in 1000 ms)",
  ]);
});

test("missing data fails", () => {
  expect(judgeSizes([small], 1).reasons).toEqual(["no request of another size was sent"]);
  expect(judgeSizes([small, path(full, [])], 1).outcome).toBe("fail");
  expect(judgeSizes([], 0).outcome).toBe("fail");
});
