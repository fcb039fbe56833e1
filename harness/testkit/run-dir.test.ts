import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { runFolder } from "./run-dir.ts";

const before = process.env.MESHPROOF_REPORTS;
let reports = "";
beforeEach(() => {
  reports = tempFolder("run-dir");
  process.env.MESHPROOF_REPORTS = reports;
});
afterEach(() => {
  if (before === undefined) delete process.env.MESHPROOF_REPORTS;
  else process.env.MESHPROOF_REPORTS = before;
});

test("a run is named below reports/, or by a path", () => {
  mkdirSync(join(reports, "r1/faults/r2"), { recursive: true });
  const here = process.cwd();
  for (const [named, folder] of [
    ["latest", join(reports, "latest")],
    ["r1/faults/r2", join(reports, "r1/faults/r2")],
    ["/elsewhere/r1", "/elsewhere/r1"],
    ["./r1", join(here, "r1")],
    ["../r1", join(here, "../r1")],
    ["reports/r1", join(here, "reports/r1")],
  ] as const)
    expect(runFolder(named), named).toBe(folder);
});
