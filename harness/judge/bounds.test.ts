import { expect, test } from "vitest";
import { exampleDisruption, examplePhase } from "#harness/model/certificate-examples.ts";
import { type BoundedCycle, boundsOf } from "./bounds.ts";

/** One move in each; `lost` of them lose a request. */
const cycles = (labs: readonly string[], lost: number): BoundedCycle[] =>
  labs.map((lab, i) => ({
    lab,
    phases: [
      examplePhase({
        name: "upgrade east first",
        change: { cluster: "east", to: "new" },
        disruptions: [exampleDisruption({ lost: i < lost ? 1 : 0 })],
      }),
    ],
  }));
const textOf = (labs: readonly string[], lost: number): string | undefined =>
  boundsOf(cycles(labs, lost), "new", "1.20.2")[0]?.text;

test.each([
  [["a", "b"], 2, "a loss in 2 of 2 moves: at least 22 % of moves lose something, at 95 %"],
  [["a", "a"], 2, "a loss in 2 of 2 moves: at least 22 % of moves lose something, at 95 %, in this lab"],
  [
    ["a", "a", "b"],
    3,
    "a loss in 3 of 3 moves: at least 36 % of moves lose something, at 95 %, in these labs",
  ],
  [["a"], 1, "a loss in 1 of 1 move: at least 5 % of moves lose something, at 95 %"],
  [["a", "a"], 0, "no loss in 2 moves: fewer than 78 % of moves lose something, at 95 %, in this lab"],
  [["a", "b", "c"], 1, "a loss in 1 of 3 moves: fewer than 87 % of moves lose something, at 95 %"],
] as const)("in labs %j, %i moves with a loss: %s", (labs, lost, text) => {
  expect(textOf(labs, lost)).toBe(text);
});
