import { expect, test } from "vitest";
import { bothWays } from "./both-ways.ts";

const pair = (from: string, to: string) => ({
  name: `${from} -> ${to}`,
  from: { name: from },
  to: { name: to },
});
const pairs = [pair("a", "b"), pair("b", "a"), pair("a", "c"), pair("c", "a")] as const;

test("the first of two opposite pairs does the work of both, once", async () => {
  const done: string[] = [];
  const find = bothWays([...pairs], async (kit: string, { name }) => {
    done.push(name);
    return `${kit} ${name}`;
  });
  expect(await find("one", pairs[0])).toBe("one a -> b");
  expect(await find("two", pairs[1])).toBe("one b -> a");
  expect(done).toEqual(["a -> b", "b -> a"]);
  // Repeated: it works again.
  expect(await find("three", pairs[0])).toBe("three a -> b");
  expect(done).toHaveLength(4);
});

test("an error of one pair is none of the other", async () => {
  const find = bothWays([...pairs], async (_: undefined, { name }) => {
    if (name === "a -> b") throw new Error("no answer");
    return name;
  });
  await expect(find(undefined, pairs[0])).rejects.toThrow("no answer");
  expect(await find(undefined, pairs[1])).toBe("b -> a");
});
