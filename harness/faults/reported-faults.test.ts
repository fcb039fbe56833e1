import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { readKnownDefects } from "#harness/config/known-defects.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { faults } from "./index.ts";

const reported = z
  .array(
    z.strictObject({
      report: z.string().regex(/^R\d+$/),
      what: z.string().min(1),
      source: z.array(z.string().min(1)).min(1),
      had: z.boolean(),
      faults: z.array(z.string()),
      defect: z.string().exactOptional(),
    }),
  )
  .parse(parseYaml(readFileSync(join(import.meta.dirname, "reported-faults.yaml"), "utf8")));

test("every reported fault is one of the library, or a known defect that a suite shows by itself", async () => {
  const defects = (await readKnownDefects(join(repoRoot(), "suites"))).map((d) => d.id);
  const names = faults.map((f) => f.name);
  expect(reported.length).toBeGreaterThanOrEqual(12);
  expect(new Set(reported.map((r) => r.report)).size).toBe(reported.length);
  for (const { report, faults: injected, defect, had } of reported) {
    for (const name of injected) expect(names, report).toContain(name);
    if (defect !== undefined) expect(defects, report).toContain(defect);
    expect(injected.length > 0 || defect !== undefined, report).toBe(true);
    expect(had && injected.length === 0, `${report} was there, so its fault is named`).toBe(false);
  }
});
