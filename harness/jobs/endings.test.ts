import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { runRecordSchema } from "#harness/model/record.ts";

const root = join(import.meta.dirname, "../..");
let dir: string;
beforeEach(() => {
  dir = tempFolder("endings");
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line as a process isolated from this machine: folders, home and programs are the test's. */
function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(root, "scripts/meshproof.ts"), ...args], {
    cwd: dir,
    env: {
      PATH: join(dir, "bin"),
      HOME: dir,
      XDG_STATE_HOME: join(dir, "state"),
      XDG_CACHE_HOME: join(dir, "cache"),
      MESHPROOF_REPORTS: join(dir, "reports"),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function end(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

const cli = (args: readonly string[], env?: Record<string, string>): Promise<Ended> => end(start(args, env));
const junit = (): string => readFileSync(join(dir, "reports/latest/junit.xml"), "utf8");
const program = (name: string, text: string): void => {
  mkdirSync(join(dir, "bin"), { recursive: true });
  writeFileSync(join(dir, "bin", name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(dir, "bin", name), 0o755);
};

/** Output and files that every end of `run` and `test` must leave. */
function expectReported(ended: Ended, step: string, code: string): void {
  expect(ended.stdout.split("\n")).toContain("0 passed, 1 failed");
  expect(ended.stdout.trimEnd().split("\n").at(-1)).toBe("0 passed, 1 failed");
  expect(ended.stdout + ended.stderr).not.toMatch(/^ +at .*\.ts:\d+/m);
  expect(junit()).toMatch(/<testsuite name="meshproof" tests="1" failures="0" errors="1"/);
  expect(junit()).toContain(`<testcase name="${step}" classname="meshproof"`);
  expect(junit()).toContain(`<error type="${code}" message="`);
  const report: unknown = JSON.parse(readFileSync(join(dir, "reports/latest/report.json"), "utf8"));
  expect(report).toMatchObject({ exitCode: ended.code });
  // Every key is declared.
  expect(runRecordSchema.parse(report)).toEqual(report);
}

describe("the command line", () => {
  test("--help writes no report", async () => {
    expect(await cli(["run", "--help"])).toMatchObject({ code: 0 });
    expect(existsSync(join(dir, "reports"))).toBe(false);
  });

  test("an unknown option", async () => {
    const ended = await cli(["run", "--nosuch"]);
    expect(ended.code).toBe(2);
    expectReported(ended, "arguments", "usage");
  });

  test("no kubeconfig, and a GitHub summary that cannot be written", async () => {
    const ended = await cli(["test", "--context", "a", "--context", "b"], { GITHUB_STEP_SUMMARY: dir });
    expect(ended.code).toBe(2);
    expect(ended.stdout).toMatch(/warning: could not write the summary to .*GITHUB_STEP_SUMMARY/);
    expectReported(ended, "arguments", "config-invalid");
  });

  test("SIGTERM while Docker hangs", async () => {
    program("docker", `: > ${dir}/started\nexec /bin/sleep 60`);
    const child = start(["run"]);
    const ended = end(child);
    await expect.poll(() => existsSync(join(dir, "started"))).toBe(true);
    // The report that a command killed now would leave.
    const [run] = readdirSync(join(dir, "reports"));
    expect(readFileSync(join(dir, "reports", run ?? "", "junit.xml"), "utf8")).toContain("was killed before");
    child.kill("SIGTERM");
    expect((await ended).code).toBe(130);
    expectReported(await ended, "interrupted", "aborted");
    expect(junit()).toContain("interrupted by SIGTERM at step preflight");
  });

  test("--timeout while Docker hangs", async () => {
    program("docker", "exec /bin/sleep 60");
    const ended = await cli(["run", "--timeout", "1s"]);
    expect(ended.code).toBe(3);
    expectReported(ended, "timeout", "timeout");
    expect(junit()).toContain("not done within --timeout 1s; stopped at step");
  });
});
