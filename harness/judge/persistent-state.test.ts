import { expect, test } from "vitest";
import { changesOf, withoutDisturbed } from "./persistent-state.ts";

test("after a disturbed move only what was not disturbed must be as before", () => {
  const before = {
    identities: { "echo-east-1": "65600", server: "65700" },
    endpoints: { "echo-east-1": "12", server: "13" },
    backends: { "standing-local:80/TCP on east-worker": "10.1.1.5:8080" },
    policies: { "allowed-clients-only": "True" },
  };
  const after = {
    identities: { "echo-east-2": "65600", server: "65701" },
    endpoints: { "echo-east-2": "14", server: "13" },
    backends: { "standing-local:80/TCP on east-worker": "10.1.1.6:8080" },
    policies: { "allowed-clients-only": "True" },
  };
  expect(changesOf("east", withoutDisturbed(before, ["echo-east-1"]), after)).toEqual([
    "east: identity of pod server was 65700, is 65701",
  ]);
  expect(changesOf("east", before, after)).toHaveLength(4);
});
