import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { busiest, lookAtProcesses } from "./busiest.ts";
import { command } from "./command.ts";
import { memory, needs } from "./doctor/doctor.ts";
import { runtimeWrapper } from "./doctor/setup.ts";
import { writeAtomic } from "./paths.ts";

describe("the OCI runtime wrapper", () => {
  const dir = tempFolder("oci");
  const bin = join(dir, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "runc"), '#!/bin/sh\necho "$@"\n');
  chmodSync(join(bin, "runc"), 0o755);
  const wrapper = join(dir, "wrapper");
  writeFileSync(wrapper, runtimeWrapper(["CAP_SYS_RESOURCE"]));
  chmodSync(wrapper, 0o755);
  const spec = JSON.stringify({
    caps: ["CAP_SYS_PTRACE", "CAP_SYS_RESOURCE", "CAP_SYSLOG"],
    one: ["CAP_SYS_RESOURCE"],
    last: ["CAP_KILL", "CAP_SYS_RESOURCE"],
  });
  const call = (args: string[]): string =>
    execFileSync(wrapper, args, { env: { PATH: `${bin}:/usr/bin:/bin` } })
      .toString()
      .trim();

  test.each([
    ["create", ["--root", "/r", "--log-format", "json", "create", "--bundle", dir, "--pid-file", "/p", "id"]],
    ["run", ["run", "-b", dir, "id"]],
  ])("removes the capability from a bundle for %s", (_verb, args) => {
    writeFileSync(join(dir, "config.json"), spec);
    expect(call(args)).toBe(args.join(" "));
    expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toEqual({
      caps: ["CAP_SYS_PTRACE", "CAP_SYSLOG"],
      one: [],
      last: ["CAP_KILL"],
    });
  });

  test("removes it from an exec's process file; other verbs change nothing", () => {
    const file = join(dir, "process.json");
    writeFileSync(file, spec);
    writeFileSync(join(dir, "config.json"), spec);
    call(["--root", "/r", "exec", "--process", file, "id"]);
    expect(readFileSync(file, "utf8")).not.toContain("SYS_RESOURCE");
    call(["delete", "id"]);
    expect(readFileSync(join(dir, "config.json"), "utf8")).toBe(spec);
  });
});

describe("commands", () => {
  test("a failure contains the program, its exit code and the end of its output", async () => {
    await expect(command("sh", ["-c", "echo out; echo err >&2; exit 7"])).rejects.toMatchObject({
      code: "command-failed",
      message: expect.stringMatching(/sh .* exited with code 7: err\nout/),
    });
    expect((await command("sh", ["-c", "exit 7"], { tolerate: true })).exitCode).toBe(7);
  });
  test("a command that takes too long is a timeout", async () => {
    await expect(command("sleep", ["10"], { timeoutMs: 50 })).rejects.toMatchObject({ code: "timeout" });
  });
  test("an abort is reported as such", async () => {
    await expect(command("sleep", ["10"], { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: "aborted",
      exitCode: 130,
    });
  });
});

test("files are written completely or not at all, with their mode", async () => {
  const file = join(tempFolder("w"), "deep/secret");
  await writeAtomic(file, "x", 0o600);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("low memory is reported with the amount available", () => {
  expect(memory(1024 ** 3)).toMatchObject({ level: "bad", found: "1.0 GiB available" });
  expect(memory(needs.memoryBytes).level).toBe("ok");
});

describe("busy programs", () => {
  const look = (ticks: Record<string, [string, number]>) =>
    new Map(Object.entries(ticks).map(([pid, [name, t]]) => [pid, { name, ticks: t }]));

  test("are those that used most between two looks, each named once, without managed ones", async () => {
    const before = look({ 1: ["init", 500], 2: ["clang", 10], 3: ["clang", 0], 4: ["node", 0] });
    const after = look({
      1: ["init", 500],
      2: ["clang", 40],
      3: ["clang", 20],
      4: ["node", 90],
      5: ["etcd", 35],
      6: ["sh", 2],
    });
    expect(await busiest(before, after, async (pid) => pid === "4")).toEqual(["clang", "etcd"]);
  });

  test("a look contains this process with its kernel name", async () => {
    const comm = readFileSync("/proc/self/comm", "utf8").trim();
    expect((await lookAtProcesses()).get(String(process.pid))?.name).toBe(comm);
  });
});
