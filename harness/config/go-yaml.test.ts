import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseYamlObjects } from "./yaml-objects.ts";

const read = (text: string): unknown => parseYamlObjects(text, "x.yaml")[0]?.value;

describe("scalars are what go-yaml v2 takes them for", () => {
  const cases: [text: string, value: unknown][] = [
    // Numbers.
    ["010", 8],
    ["-010", -8],
    ["0o17", 15],
    ["08", 8],
    ["09.5", 9.5],
    ["0x1F", 31],
    ["0b101", 5],
    ["1_000", 1000],
    ["+7", 7],
    ["0", 0],
    ["1e3", 1000],
    [".5", 0.5],
    ["1.", 1],
    ["-.inf", Number.NEGATIVE_INFINITY],
    [".nan", Number.NaN],
    // Texts.
    ["1_000.5.1", "1_000.5.1"],
    ["0b2", "0b2"],
    ["0o8", "0o8"],
    ["0x", "0x"],
    ["_1", "_1"],
    ["12:30", "12:30"],
    ["2026-01-02", "2026-01-02"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["v1.19.7", "v1.19.7"],
    [`0x${"f".repeat(40)}`, `0x${"f".repeat(40)}`],
    // Booleans, in three forms each.
    ...["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true"].map((t): [string, unknown] => [t, true]),
    ...["n", "N", "no", "No", "NO", "off", "Off", "OFF", "False"].map((t): [string, unknown] => [t, false]),
    ["yEs", "yEs"],
    ["nope", "nope"],
    ["~", null],
    // With quotes, and as JSON has them.
    ['"no"', "no"],
    ["'010'", "010"],
    ["!!str 010", "010"],
    ["!!float 1", 1],
    ["1.50", 1.5],
    ["-12", -12],
  ];
  test.each(cases)("%s", (text, value) => {
    expect(read(`a: ${text}\nb: [x, ${text}]\n`)).toEqual({ a: value, b: ["x", value] });
  });

  test("of keys too", () => {
    expect(read("010: a\nno: b\n1_0: c\n")).toEqual({ "8": "a", false: "b", "10": "c" });
  });

  test("a directive of YAML 1.1 changes nothing", () => {
    expect(read("%YAML 1.1\n---\na: 12:30\nb: 010\n")).toEqual({ a: "12:30", b: 8 });
  });

  test("JSON is what it is", () => {
    const value = { id: 10, share: 0.25, big: 1e21, name: "no", octal: "010", on: true, off: null };
    expect(read(JSON.stringify(value))).toEqual(value);
  });

  test("texts that were written for it come back", () => {
    const value = { a: "no", b: "010", c: "1_0", d: "y", e: "12:30" };
    expect(read(stringify(value, { compat: "yaml-1.1" }))).toEqual(value);
  });
});

describe("a merge key", () => {
  const base = "base: &base { a: 1, b: 1 }\nmore: &more { b: 2, c: 2 }\n";

  test("takes the place of the keys before it, and gives way to those behind it", () => {
    expect(read(`${base}own: { a: 0, <<: *base, b: 3 }\n`)).toMatchObject({ own: { a: 1, b: 3 } });
  });

  test("with a list: the first counts most", () => {
    expect(read(`${base}own: { <<: [*base, *more] }\n`)).toMatchObject({ own: { a: 1, b: 1, c: 2 } });
  });

  test("within what is merged", () => {
    expect(read(`${base}mid: &mid { <<: *base, d: 4 }\nown: { <<: *mid }\n`)).toMatchObject({
      own: { a: 1, b: 1, d: 4 },
    });
  });

  test("with quotes it is a key, and of no mapping it is refused", () => {
    expect(read('a: { "<<": 1 }\n')).toEqual({ a: { "<<": 1 } });
    expect(() => read("a: { <<: 1 }\n")).toThrow("x.yaml cannot be read");
  });

  test("twice in one mapping is no repeated key", () => {
    const [document] = parseYamlObjects(`${base}own:\n  <<: *base\n  <<: *more\n`, "x.yaml");
    expect(document).toMatchObject({ repeatedKeys: [], value: { own: { a: 1, b: 2, c: 2 } } });
  });
});
