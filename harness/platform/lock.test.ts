import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { holderOf, lockFolder } from "./lock.ts";
import { isAlive, thisProcess } from "./machine.ts";

let dir = "";
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = join(tempFolder("lock"), "lab");
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

const at = { what: "lab seed", waitMs: 0 };

/** Another process that imports the lock and runs the code; `printed` waits for a word of its output. */
function other(code: string): { child: ChildProcess; printed: (word: string) => Promise<void> } {
  const imports = `import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};`;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--eval", `${imports}\nconst dir = ${JSON.stringify(dir)};\n${code}`],
    { stdio: ["pipe", "pipe", "inherit"], cwd: import.meta.dirname },
  );
  children.push(child);
  let text = "";
  child.stdout?.on("data", (data) => {
    text += String(data);
  });
  const printed = async (word: string): Promise<void> => {
    while (!text.includes(word)) {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
      await delay(10);
    }
  };
  return { child, printed };
}

const holdForEver = `await lockFolder(dir, { what: "x", waitMs: 0 });
process.stdout.write("holds");
setInterval(() => {}, 1000);`;

const ended = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => child.once("exit", resolve));

describe("a lock on a folder", () => {
  test("has one holder, and is free again after release", async () => {
    const lock = await lockFolder(dir, at);
    await expect(lockFolder(dir, at)).rejects.toMatchObject({
      code: "lab-busy",
      exitCode: 2,
      message: `lab seed is in use by process ${process.pid}`,
    });
    expect((await holderOf(dir))?.pid).toBe(process.pid);
    await lock[Symbol.asyncDispose]();
    expect(await holderOf(dir)).toBeUndefined();
    await (await lockFolder(dir, at))[Symbol.asyncDispose]();
    expect(readdirSync(dir)).toHaveLength(1);
  });

  test("of a killed process is free at once, that of a stopped process stays held", async () => {
    const { child, printed } = other(holdForEver);
    await printed("holds");
    child.kill("SIGSTOP");
    await expect(lockFolder(dir, { ...at, waitMs: 1500 })).rejects.toMatchObject({ code: "lab-busy" });
    child.kill("SIGKILL");
    await ended(child);
    await using lock = await lockFolder(dir, at);
    expect(lock.lost.aborted).toBe(false);
  });

  test("of a process whose pid was reused is free, and so is one of an earlier boot", async () => {
    const me = await thisProcess();
    expect(await isAlive(me)).toBe(true);
    expect(await isAlive({ ...me, bootId: "an-earlier-one" })).toBe(false);
    const pidNamespace = readlinkSync("/proc/self/ns/pid");
    for (const over of [
      { pidStart: "1" },
      { bootId: "an-earlier-one" },
      { bootId: "an-earlier-one", pidNamespace: "pid:[1]" },
      { pid: 2 ** 30 },
    ]) {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true });
      symlinkSync(JSON.stringify({ ...me, pidNamespace, nonce: "x", ...over }), join(dir, "holder-4"));
      await using _lock = await lockFolder(dir, at);
      expect(readdirSync(dir)).toEqual(["holder-5"]);
    }
  });

  test("of another pid namespace is held as long as it is renewed", async () => {
    mkdirSync(dir, { recursive: true });
    const mark = { ...(await thisProcess()), pid: 2 ** 30, pidNamespace: "pid:[1]", nonce: "x" };
    symlinkSync(JSON.stringify(mark), join(dir, "holder-1"));
    await expect(lockFolder(dir, at)).rejects.toMatchObject({ code: "lab-busy" });
  });

  test("that names no process stays held, and the error names the file to remove", async () => {
    mkdirSync(dir, { recursive: true });
    symlinkSync("not a mark", join(dir, "holder-1"));
    await expect(lockFolder(dir, at)).rejects.toMatchObject({
      code: "lab-busy",
      message: expect.stringContaining(join(dir, "holder-1")),
    });
  });

  test.each([
    ["was removed", () => rmSync(dir, { recursive: true })],
    ["was taken by another process", () => symlinkSync("somebody", join(dir, "holder-2"))],
    [
      "was replaced",
      () => {
        unlinkSync(join(dir, "holder-1"));
        symlinkSync("somebody", join(dir, "holder-1"));
      },
    ],
  ])("that %s is lost, and its signal fires", async (_how, meddle) => {
    const lock = await lockFolder(dir, at);
    meddle();
    await new Promise((resolve) => lock.lost.addEventListener("abort", resolve, { once: true }));
    expect(lock.lost.reason).toMatchObject({ code: "lock-lost", exitCode: 3 });
    const before = readdirSync(join(dir, "..")).includes("lab") ? readdirSync(dir) : [];
    await lock[Symbol.asyncDispose]();
    expect(readdirSync(join(dir, "..")).includes("lab") ? readdirSync(dir) : []).toEqual(before);
  });

  test("whose loss was not noticed yet is not released for its new holder", async () => {
    const lost = await lockFolder(dir, at);
    rmSync(dir, { recursive: true });
    const now = await lockFolder(dir, at);
    await lost[Symbol.asyncDispose]();
    await expect(lockFolder(dir, at)).rejects.toMatchObject({ code: "lab-busy" });
    await now[Symbol.asyncDispose]();
  });

  test("that several processes compete for never has two holders, even if holders are killed", async () => {
    const flag = join(dir, "..", `held-${process.pid}`);
    const race = `import { rmSync, writeFileSync } from "node:fs";
for (let round = 0; round < 15; round++) {
  const lock = await lockFolder(dir, { what: "x", waitMs: 60000 });
  // The file of a holder that was killed.
  writeFileSync(${JSON.stringify(flag)} + "-" + process.pid, "", { flag: "wx" });
  const { readdirSync } = await import("node:fs");
  const holders = readdirSync(${JSON.stringify(join(dir, ".."))}).filter((n) => n.startsWith("held-"));
  if (holders.length !== 1) { process.stdout.write("CLASH " + holders.join()); process.exit(1); }
  rmSync(${JSON.stringify(flag)} + "-" + process.pid);
  if (Math.random() < 0.05) process.kill(process.pid, "SIGKILL");
  await lock[Symbol.asyncDispose]();
}
process.exit(0);`;
    const racers = Array.from({ length: 6 }, () => other(race).child);
    const codes = await Promise.all(
      racers.map(
        (child) =>
          new Promise<string>((resolve) => child.once("exit", (code, by) => resolve(by ?? String(code)))),
      ),
    );
    expect(codes.filter((code) => code !== "0" && code !== "SIGKILL")).toEqual([]);
    await using lock = await lockFolder(dir, at);
    expect(lock.lost.aborted).toBe(false);
  });
});
