import { expect, test } from "vitest";
import { changesOf, withoutDisturbed } from "./persistent-state.ts";

test("after a disturbed move only what was not disturbed must be as before", () => {
  const before = {
    identities: { "echo-east-1": "65600", server: "65700" },
    twins: {},
    endpoints: { "echo-east-1": "12", server: "13" },
    backends: { "standing-local:80/TCP on east-worker": "10.1.1.5:8080" },
    policies: { "allowed-clients-only": "True" },
  };
  const after = {
    identities: { "echo-east-2": "65600", server: "65701" },
    twins: {},
    endpoints: { "echo-east-2": "14", server: "13" },
    backends: { "standing-local:80/TCP on east-worker": "10.1.1.6:8080" },
    policies: { "allowed-clients-only": "True" },
  };
  expect(changesOf("east", withoutDisturbed(before, ["echo-east-1"]), after)).toEqual([
    "east: identity of pod server was 65700, is 65701",
  ]);
  expect(changesOf("east", before, after)).toHaveLength(4);
});

test("an identity with the same labels that was there before is the same; a new one is not", () => {
  const state = (identities: Record<string, string>, twins: Record<string, string[]>) => ({
    ...{ identities, twins },
    ...{ endpoints: {}, backends: {}, policies: {} },
  });
  const twins = { "69575": ["78566"], "78566": ["69575"] };
  const before = state({ a: "69575", b: "78566" }, twins);
  // A twin that nobody uses any more may be gone afterwards.
  expect(changesOf("east", before, state({ a: "78566", b: "78566" }, {}))).toEqual([]);
  expect(
    changesOf("east", before, state({ a: "70000", b: "78566" }, { "70000": ["69575", "78566"] })),
  ).toEqual(["east: identity of pod a was 69575, is 70000"]);
  expect(changesOf("east", before, state({ b: "78566" }, twins))).toEqual([
    "east: identity of pod a was 69575, is gone",
  ]);
});
