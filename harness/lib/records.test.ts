import { describe, expect, test } from "vitest";
import { z } from "zod";
import { checkRecord, parseRecord, type RecordFormat } from "./records.ts";

interface Thing {
  readonly version: 2;
  readonly name: string;
  readonly kind: "a" | "b";
}

const format: RecordFormat<Thing> = {
  schema: z.strictObject({ version: z.literal(2), name: z.string(), kind: z.enum(["a", "b"]) }),
  version: { key: "version", current: 2 },
  older: {
    0: z.strictObject({ name: z.string() }).transform(({ name }) => ({ version: 2, name, kind: "a" })),
  },
};
const source = { what: "thing x (/x.json)", remedy: "run `fix`", notJsonCode: "lab-broken" } as const;
const thing: Thing = { version: 2, name: "n", kind: "b" };

describe("records", () => {
  test("a record of the current version is read unchanged, one of a known older version is migrated", () => {
    expect(parseRecord(JSON.stringify(thing), format, source)).toEqual(thing);
    expect(checkRecord({ name: "old" }, format, source)).toEqual({ version: 2, name: "old", kind: "a" });
  });

  test.each<[string, unknown, string, string]>([
    [
      "a newer version",
      { ...thing, version: 3 },
      "config-conflict",
      "thing x (/x.json) was written by a newer Meshproof (version 3; this one reads up to 2)",
    ],
    [
      "an older version without a migration",
      { version: 1, name: "n" },
      "config-conflict",
      "thing x (/x.json) was written by an older Meshproof and cannot be used by this one (version: expected 2, found 1; kind:",
    ],
    [
      "an older file that lacks a key of its version",
      { label: "n" },
      "config-conflict",
      "was written by an older Meshproof and cannot be used by this one (name: expected string, found nothing",
    ],
    [
      "a wrong type",
      { ...thing, name: 3 },
      "config-invalid",
      "is malformed: name: expected string, found number",
    ],
    [
      "a value outside the choices",
      { ...thing, kind: "c" },
      "config-invalid",
      'is malformed: kind: Invalid option: expected one of "a"|"b", found "c"',
    ],
    ["an unknown key", { ...thing, more: 1 }, "config-invalid", '(top): Unrecognized key: "more"'],
    ["no object", [], "config-invalid", "is malformed: (top): expected object, found array"],
  ])("%s is refused; the message contains record and place", (_name, value, code, message) => {
    expect(() => parseRecord(JSON.stringify(value), format, source)).toThrow(
      expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining(message) }),
    );
  });

  test("the remedy is reported; for a newer version also the option to use that version", () => {
    const remedy = (value: unknown): unknown => {
      try {
        return checkRecord(value, format, source);
      } catch (error) {
        return (error as { remedy?: string }).remedy;
      }
    };
    expect(remedy({ ...thing, name: 3 })).toBe("run `fix`");
    expect(remedy({ ...thing, version: 9 })).toBe("use the Meshproof that wrote it, or run `fix`");
  });

  test("text that is not JSON has its own code if the source sets one", () => {
    expect(() => parseRecord("{", format, source)).toThrow(expect.objectContaining({ code: "lab-broken" }));
    expect(() => parseRecord("{", format, { what: source.what, remedy: "" })).toThrow(
      "thing x (/x.json) is not JSON",
    );
  });

  test("the version can be the end of a name", () => {
    const named: RecordFormat<{ format: "thing/1" }> = {
      schema: z.object({ format: z.literal("thing/1") }),
      version: { key: "format", current: 1 },
    };
    expect(checkRecord({ format: "thing/1", more: 1 }, named, source)).toEqual({ format: "thing/1" });
    expect(() => checkRecord({ format: "thing/12" }, named, source)).toThrow("newer Meshproof (format 12;");
    expect(() => checkRecord({ format: "other" }, named, source)).toThrow(
      'is malformed: format: expected "thing/1", found "other"',
    );
  });

  test("only the first issues are reported, without values that may be keys", () => {
    const many = { schema: z.array(z.number()) };
    expect(() => checkRecord(["secret-1", "b", "c", "d", "e"], many, source)).toThrow(
      /0: expected number, found string; .*; and 2 more$/,
    );
    expect(() => checkRecord(["secret-1"], many, source)).not.toThrow(/secret/);
  });
});
