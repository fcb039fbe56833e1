import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleJournal } from "#harness/model/certificate-examples.ts";
import { examplePlan } from "#harness/model/examples.ts";
import { forgetProgress, readProgress, writeProgress } from "./certification-progress.ts";
import { forgetLab } from "./lab.ts";

let dir = "";
beforeEach(() => {
  dir = tempFolder("progress");
  process.env.XDG_STATE_HOME = dir;
});
afterEach(() => {
  delete process.env.XDG_STATE_HOME;
  rmSync(dir, { recursive: true, force: true });
});

test("the progress of a certification survives the lab of a cycle, until it is forgotten", async () => {
  const { pair, settings, runId, command, cycles } = exampleJournal();
  const progress = {
    version: 1 as const,
    ...{ lab: "paper", pair, settings, runId, command, cycles, current: 2, plan: examplePlan() },
  };
  await writeProgress(progress);
  await forgetLab("paper");
  expect(await readProgress("paper")).toEqual(progress);
  expect(await readProgress("other")).toBeUndefined();
  await forgetProgress("paper");
  expect(await readProgress("paper")).toBeUndefined();
});
