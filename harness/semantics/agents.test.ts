import { expect, test } from "vitest";
import { withoutAgent } from "./agents.ts";

test("every Linux node of the API server needs an agent, whatever the agents are", () => {
  const nodes = [{ name: "b" }, { name: "a", os: "linux" }, { name: "win", os: "windows" }];
  expect(withoutAgent(nodes, [])).toEqual(["a", "b"]);
  expect(withoutAgent(nodes, [{ node: "a" }, { node: "gone" }])).toEqual(["b"]);
  expect(withoutAgent(nodes, [{ node: "a" }, { node: "b" }])).toEqual([]);
});
