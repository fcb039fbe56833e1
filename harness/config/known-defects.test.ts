import { join } from "node:path";
import { expect, test } from "vitest";
import { checkAccepted, readKnownDefects, readUntestedDefects } from "./known-defects.ts";

test("the list of the repository is valid, and --accept takes its ids and full titles only", async () => {
  const defects = await readKnownDefects(join(import.meta.dirname, "../../suites"));
  expect(defects.length).toBeGreaterThanOrEqual(4);
  const titles = ["policy > one"];
  expect(() => checkAccepted(["CVE-2026-56743", "policy > one"], defects, titles)).not.toThrow();
  for (const slip of ["CVE-2026-5674", "one", "policy"])
    expect(() => checkAccepted([slip], defects, titles)).toThrow(slip);
});

test("the list of defects that no test shows is valid, and no defect is in both lists", async () => {
  const suites = join(import.meta.dirname, "../../suites");
  const [shown, untested] = await Promise.all([readKnownDefects(suites), readUntestedDefects(suites)]);
  expect(untested.length).toBeGreaterThanOrEqual(4);
  expect(untested.filter((u) => shown.some((d) => d.id === u.id))).toEqual([]);
  // An advisory has a severity.
  expect(untested.filter((u) => /^(CVE|GHSA)-/.test(u.id) !== "severity" in u)).toEqual([]);
});
