import { expect, test } from "vitest";
import { parseRunContext } from "./run-context.ts";

const least = { version: 1, runId: "r", lab: "default", clusters: ["east", "west"], reportsDir: "/reports" };

test("a key that a context omits has a default", () => {
  expect(parseRunContext(JSON.stringify(least), "run.json")).toEqual({
    ...least,
    accepted: {},
    bugtool: false,
    expected: {},
    includeEither: false,
    probeIntervalFactor: 1,
    repeat: 1,
    capabilities: [],
    pauseOnFail: false,
    selected: {},
  });
});

test.each([
  ["not JSON", "{", /run context run\.json is not JSON/],
  ["a missing field", JSON.stringify({ ...least, lab: undefined }), /run\.json is not valid: lab: /],
  ["a wrong field", JSON.stringify({ ...least, repeat: 0 }), /repeat: /],
  ["an unknown field", JSON.stringify({ ...least, repeats: 2 }), /repeats/],
  ["another version", JSON.stringify({ ...least, version: 2 }), /version: /],
])("refuses %s; the message names the field, with a remedy", (_, text, message) => {
  const parse = (): unknown => parseRunContext(text, "run.json");
  expect(parse).toThrow(message);
  expect(parse).toThrow(
    expect.objectContaining({ code: "config-invalid", remedy: expect.stringContaining("--write-context") }),
  );
});
