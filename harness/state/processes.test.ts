import { spawnSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { isAlive, processStart } from "#harness/platform/machine.ts";
import { currentOwner } from "#harness/platform/owner.ts";
import { killOrphans, labsOfProcesses, labVariable, markChildren } from "./processes.ts";

const lab = `unit-${process.pid}`;
const started: number[] = [];
afterEach(() => {
  delete process.env[labVariable];
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // The test already ended it.
    }
  }
});

/** A process with the mark whose parent has ended. */
function orphan(mark: string): number {
  const { stdout } = spawnSync("sh", ["-c", "sleep 60 >/dev/null 2>&1 & echo $!"], {
    env: { ...process.env, [labVariable]: mark },
    encoding: "utf8",
  });
  const pid = Number(stdout.trim());
  started.push(pid);
  return pid;
}

test("orphans of a lab are ended, but not those of another owner's lab of the same name or of earlier versions", async () => {
  markChildren(lab);
  const own = orphan(process.env[labVariable] ?? "");
  const theirs = orphan(`bob-01234567/${lab}`);
  const earlier = orphan(lab);
  const marks = await Promise.all(
    [theirs, earlier].map(async (pid) => ({ pid, pidStart: (await processStart(pid)) ?? "" })),
  );
  const owner = currentOwner().id;
  expect((await labsOfProcesses()).filter((l) => l.lab === lab)).toEqual(
    expect.arrayContaining([
      { lab, owner },
      { lab, owner: "bob-01234567" },
      { lab, owner: "unlabelled" },
    ]),
  );
  expect(await killOrphans({ lab, owner })).toEqual([`process ${own}`]);
  expect(await Promise.all(marks.map(isAlive))).toEqual([true, true]);
  expect(await killOrphans({ lab, owner: "unlabelled" })).toEqual([`process ${earlier}`]);
});
