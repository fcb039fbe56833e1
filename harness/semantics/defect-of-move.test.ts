import { expect, test } from "vitest";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import { defectOfMove } from "./defect-of-move.ts";

const defect: KnownDefect = {
  id: "d-1",
  what: "it breaks",
  affected: [">=1.19.0 <=1.19.4"],
  fixedIn: ["1.19.5"],
  when: { a: "true" },
  tests: [{ suite: "x", test: "y" }],
  source: ["z"],
};
const unfixed = { ...defect, affected: [">=1.18.0 <=1.19.4"], fixedIn: [] };
const settings = { a: "true" };
const move = (from: string | undefined, to: string, d = defect, subjects: string[] = []) =>
  defectOfMove(
    d,
    { name: "c", before: { cilium: from, settings }, after: { cilium: to, settings } },
    () => subjects,
  );

test.each([
  ["new, and an object shows it", move("1.18.11", "1.19.4", defect, ["policy a/b"]), "serious"],
  ["new, and nothing shows it", move("1.18.11", "1.19.4"), "caution"],
  [
    "in both, with a fix elsewhere, and an object shows it",
    move("1.19.1", "1.19.4", defect, ["x"]),
    "serious",
  ],
  ["in both, with a fix elsewhere", move("1.19.1", "1.19.4"), "caution"],
  ["in both, without a fix, and an object shows it", move("1.18.11", "1.19.4", unfixed, ["x"]), "caution"],
  ["in both, without a fix", move("1.18.11", "1.19.4", unfixed), "information"],
])("a defect of the target: %s", (_, finding, grade) => {
  expect(finding).toMatchObject({ id: "defect-in-target", grade });
});

test("the fix is named, and the release to take instead", () => {
  expect(move("1.18.11", "1.19.4")).toMatchObject({
    message: expect.stringContaining("fixed in 1.19.5"),
    remedy: "choose 1.19.5 or later instead",
  });
  expect(move("1.18.11", "1.19.4", unfixed)).not.toHaveProperty("remedy");
});

test("one that goes away is information; the objects that change with it are named", () => {
  expect(move("1.19.4", "1.20.2", defect, ["policy a/b"])).toMatchObject({
    id: "defect-fixed",
    grade: "information",
    message: "Cilium 1.20.2 fixes d-1: it breaks; this changes what policy a/b does today",
  });
  expect(move("1.19.4", "1.18.11")?.message).toContain("does not have d-1");
});

test("nothing without it on either side, by version or by settings", () => {
  expect(move("1.18.11", "1.19.7")).toBeUndefined();
  expect(move(undefined, "1.19.7")).toBeUndefined();
  const off = { cilium: "1.19.4", settings: { a: "false" } };
  expect(defectOfMove(defect, { name: "c", before: off, after: off })).toBeUndefined();
});

test("an advisory is named as one, with its severity", () => {
  const { tests: _, ...advisory } = { ...defect, severity: "high" as const };
  const sides = { name: "c", before: { cilium: "1.18.11", settings } };
  expect(defectOfMove(advisory, { ...sides, after: { cilium: "1.19.4", settings } })?.message).toContain(
    "has the known defect d-1 (advisory, high): it breaks",
  );
});
