import { expect, test } from "vitest";
import { onDefineSuite } from "./define-suite.ts";
import { loadSuites } from "./suite-list.ts";

test("a suite's body can be called where the suite is declared, as vitest workers do", async () => {
  let count = 0;
  onDefineSuite((suite) => {
    expect(suite.tests({ clusters: ["east", "west"] }).length, suite.definition.name).toBeGreaterThan(0);
    count++;
  });
  const suites = await loadSuites();
  expect(count).toBe(suites.length);
});
