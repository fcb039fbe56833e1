import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { syntaxProblem } from "./syntax-problem.ts";

const secret = "hunter2-Sup3rSecret";
const yamlProblem = (text: string): string => {
  try {
    for (const document of parseAllDocuments(text)) {
      if (document.errors[0] !== undefined) return syntaxProblem(document.errors[0]);
      document.toJS({ maxAliasCount: 0 });
    }
    parse(text, { logLevel: "silent" });
    return "";
  } catch (error) {
    return syntaxProblem(error);
  }
};
const jsonProblem = (text: string): string => {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return syntaxProblem(error);
  }
};

describe("what a parser says", () => {
  test.each([
    `password: [${secret}\n`,
    `a:\n  password: "${secret}\n`,
    `password: ${secret}: x: y\n`,
    `a: 1\n\t${secret}: 2\n`,
    `a: *${secret}\n`,
    `a: "x" ${secret}\n`,
    `%${secret}\n---\na: ]${secret}`,
  ])("of YAML holds none of it: %j", (text) => {
    expect(yamlProblem(text)).not.toContain(secret);
  });

  test.each([`{"password": "${secret}`, `{"password": ${secret}}`, secret, `["${secret}",]`])(
    "of JSON holds none of it: %j",
    (text) => {
      const problem = jsonProblem(text);
      expect(problem).not.toBe("");
      expect(problem).not.toContain("hunter2");
    },
  );

  test("still says why and where", () => {
    expect(yamlProblem(`a:\n  password: [${secret}\n`)).toMatch(/^Flow sequence.* \(line \d+, column \d+\)$/);
    expect(jsonProblem('{"a": 1, }')).toMatch(/\(position 9\)$/);
  });

  test("a tag is not repeated", () => {
    expect(yamlProblem(`!${secret}!`)).toBe("The tag has no suffix (line 1, column 1)");
  });

  test("of any broken text around a secret, neither parser repeats it", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, behind) => {
        const text = `${before}${secret}${behind}`;
        expect(yamlProblem(text)).not.toContain(secret);
        expect(jsonProblem(text)).not.toContain(secret);
      }),
    );
  });
});
