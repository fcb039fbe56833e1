import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oneLine, printable, visible } from "./visible.ts";
import { isWorkflowCommand, textOfOthers, unseen } from "./visible-examples.ts";

test("a line break of any kind does not begin a line", () => {
  const shown = oneLine("a\r\nb\nc\rd\u2028e\u0085f");
  expect(shown).toBe("a\\nb\\nc\\x0dd\\u2028e\\u0085f");
  expect(oneLine(shown)).toBe(shown);
});

describe("visible", () => {
  test.each([
    ["\u001b[31mred\u001b[0m", "\\x1b[31mred\\x1b[0m"],
    ["\u001b]0;title\u0007", "\\x1b]0;title\\x07"],
    ["\u009b2J", "\\u009b2J"],
    ["pass\rFAIL", "pass\\x0dFAIL"],
    ["a\b\u007f", "a\\x08\\u007f"],
    ["evil\u202egnp.exe", "evil\\u202egnp.exe"],
    ["\u2066isolate\u2069", "\\u2066isolate\\u2069"],
    ["one\u2028two\u2029", "one\\u2028two\\u2029"],
    ["pod\u200b-\ufeff\u2060a\u{e0041}", "pod\\u200b-\\ufeff\\u2060a\\udb40\\udc41"],
    ["lone \ud800", "lone \\ud800"],
    ["two\r\nlines\n", "two\nlines\n"],
    ["a\tb", "a    b"],
    ["Grüße, 世界 ✓ {\"a\": 'b'}", "Grüße, 世界 ✓ {\"a\": 'b'}"],
  ])("%j", (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test("no control or format character except line feeds is left in any text, and visible text stays unchanged", () => {
    fc.assert(
      fc.property(textOfOthers, (text) => {
        const shown = visible(text);
        expect(shown).not.toMatch(unseen);
        expect(visible(shown)).toBe(shown);
        expect(shown.split("\n").length).toBe(text.split("\n").length);
      }),
    );
  });
});

describe("printable", () => {
  test.each([
    ["::error::boom", "\\u003a:error::boom"],
    ["  ::add-mask::a", "  \\u003a:add-mask::a"],
    ["x\n\u00a0::set-output name=a::b", "x\n\u00a0\\u003a:set-output name=a::b"],
    ["##[error]boom", "\\u0023#[error]boom"],
    ["it said ##vso[task.setvariable variable=a]b", "it said \\u0023#vso[task.setvariable variable=a]b"],
    ["section_start:1:a\r\u001b[0K", "section_start:1:a\\x0d\\x1b[0K"],
    ["std::vector, fd00::1, ## heading", "std::vector, fd00::1, ## heading"],
  ])("%j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("no line of any text is a workflow command, wherever the text is split", () => {
    fc.assert(
      fc.property(fc.array(textOfOthers), (pieces) => {
        let out = "";
        for (const piece of pieces) out += printable(piece, out);
        expect(out.split("\n").filter(isWorkflowCommand)).toEqual([]);
        expect(printable(out)).toBe(out);
      }),
    );
  });

  test("JSON stays JSON with the same value", () => {
    fc.assert(
      fc.property(fc.dictionary(textOfOthers, textOfOthers), (value) => {
        for (const indent of [0, 2])
          expect(JSON.parse(printable(JSON.stringify(value, null, indent)))).toEqual(
            JSON.parse(JSON.stringify(value)),
          );
      }),
    );
  });
});
