import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { parseRunContext } from "#harness/model/run-context.ts";
import { readRunContext, writeRunContext } from "./run-context.ts";

let dir: string | undefined;
afterEach(async () => {
  if (dir !== undefined) await rm(dir, { recursive: true });
});

test("without a context, or with one that cannot be read, the error says how to write one", async () => {
  for (const file of ["", "/nowhere/run.json"])
    await expect(readRunContext(file)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("test --write-context FILE"),
    });
});

test("a written context is read back", async () => {
  dir = tempFolder("context");
  const file = join(dir, "run.json");
  const context = parseRunContext(
    JSON.stringify({
      version: 1,
      runId: "r",
      lab: "l",
      clusters: ["a"],
      reportsDir: "/r",
      fault: "partition",
    }),
    file,
  );
  await writeRunContext(file, context);
  expect(await readRunContext(file)).toEqual(context);
});
