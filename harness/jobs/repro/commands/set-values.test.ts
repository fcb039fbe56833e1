import { expect, test } from "vitest";
import {
  mergeSet,
  setArgument,
  setKeys,
  setPairs,
  setValue,
  variablePairs,
  withLists,
} from "./set-values.ts";

test("an expression of a template is a text, and no list", () => {
  expect(setValue('{{ requiredEnv "A" }}')).toBe('{{ requiredEnv "A" }}');
  expect(setValue("{a, 1}")).toEqual(["a", 1]);
});

test("--set-string pairs are texts, and pairs of the environment are variables", () => {
  const pairs = [
    { name: "a.b", value: 511 },
    { name: "c", values: [1, "true"] },
  ];
  expect(setPairs(pairs, true)).toEqual({ a: { b: "511" }, c: ["1", "true"] });
  expect(setPairs(pairs)).toEqual({ a: { b: 511 }, c: [1, true] });
  expect(variablePairs([{ name: "a.b", value: "HOST" }])).toEqual({ a: { b: "${HOST}" } });
});

test("an index that Helm refuses is refused by name", () => {
  expect(setKeys("a[65536].b")).toEqual(["a", "[65536]", "b"]);
  expect(() => setKeys("a.b[1000000]")).toThrow("the index of a.b[1000000] is larger than 65536");
  expect(() => setArgument("a[99999999999999999999]=1")).toThrow("Helm refuses it");
});

test("keys as Helm reads them: what follows a backslash is no mark", () => {
  expect(setKeys("a\\.b.c\\[0\\].d[1][02]")).toEqual(["a.b", "c[0]", "d", "[1]", "[2]"]);
  expect(setKeys("nodeSelector.kubernetes\\.io/os")).toEqual(["nodeSelector", "kubernetes.io/os"]);
});

test("indices are items of lists, over the items that stand there, with nulls between", () => {
  const set = [
    "peers[0].name=b,peers[0].ips[0]=192.0.2.1",
    "peers[1].name=c",
    "pools[2]=10.3.0.0/16",
    "grid[1][0]=x",
    "named={p,q}",
    "named[0]=r",
  ]
    .map((argument) => setArgument(argument))
    .reduce(mergeSet, {});
  expect(withLists(mergeSet({ pools: ["10.1.0.0/16"], peers: [{ name: "a", port: 1 }] }, set))).toEqual({
    peers: [{ name: "b", port: 1, ips: ["192.0.2.1"] }, { name: "c" }],
    pools: ["10.1.0.0/16", null, "10.3.0.0/16"],
    grid: [null, ["x"]],
    named: ["r", "q"],
  });
});

test("many far indices do not become a huge value", () => {
  const argument = Array.from({ length: 9 }, (_, i) => `a${i}[60000]=x`).join(",");
  expect(() => withLists(setArgument(argument))).toThrow("more than 200000 items");
});

test("words are typed in any case", () => {
  expect(["TRUE", "False", "NULL", "Off"].map(setValue)).toEqual([true, false, null, "Off"]);
});
