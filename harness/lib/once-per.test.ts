import { expect, test } from "vitest";
import { oncePer } from "./once-per.ts";

test("each object has its own result, computed once, also if it is nothing", () => {
  const asked: number[] = [];
  const of = oncePer(({ n }: { readonly n: number }) => {
    asked.push(n);
    return n === 0 ? undefined : n;
  });
  const [none, one] = [{ n: 0 }, { n: 1 }];
  expect([of(none), of(one), of(none), of(one)]).toEqual([undefined, 1, undefined, 1]);
  expect(asked).toEqual([0, 1]);
});
