import { expect, test } from "vitest";
import { suiteNameSchema } from "./suite-name.ts";

test.each([
  ["field", "rebuilt-environment"],
  ["affinity", "affinity"],
])("a file that names suite %s means %s", (written, meant) => {
  expect(suiteNameSchema.parse(written)).toBe(meant);
});
