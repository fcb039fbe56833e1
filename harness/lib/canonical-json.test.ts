import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, hashOf, leavesOf } from "./canonical-json.ts";

const mapping = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });

test("the order of keys does not change the text or the hash, a value does", () => {
  fc.assert(
    fc.property(mapping, (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(canonicalJson(reversed)).toBe(canonicalJson(value));
      expect(hashOf({ value: reversed })).toBe(hashOf({ value }));
      expect(hashOf({ ...value, "one more": 1 })).not.toBe(hashOf({ ...value, "one more": 2 }));
    }),
  );
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: undefined })).toBe('{"b":[{"c":null,"d":1}]}');
  expect(hashOf({})).toMatch(/^[0-9a-f]{16}$/);
});

test("leaves have their path; an empty list and an empty mapping are leaves", () => {
  expect([...leavesOf({ a: { b: [1, { c: null }], d: {} }, e: [] })]).toEqual([
    ["a.b.0", 1],
    ["a.b.1.c", null],
    ["a.d", "{}"],
    ["e", "[]"],
  ]);
});
