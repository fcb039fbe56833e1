import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { runCli } from "./as-process.ts";

/** Bash's completions of a line that ends in the word to complete. */
function offered(line: string): string[] {
  const { stdout: script } = runCli(["completion", "bash"]);
  const words = line.split(" ");
  const ask = `${script}\nCOMP_WORDS=(${words.map((w) => `'${w}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_meshproof; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", ask], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

test("bash accepts its script, and completes commands, options and their values", () => {
  const { stdout } = runCli(["completion", "bash"]);
  expect(spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({
    status: 0,
    stderr: "",
  });
  expect(offered("meshproof pro")).toEqual(["prove", "probe"]);
  expect(offered("meshproof list t")).toEqual(["tests"]);
  expect(offered("meshproof test poli")).toEqual(["policy", "policy-rules"]);
  expect(offered("meshproof test --ta")).toEqual(["--tag"]);
  expect(offered("meshproof prove --fault vxlan-drop-o")).toEqual(["vxlan-drop-out"]);
  expect(offered("meshproof up --profile kk")).toEqual(["kkp"]);
});

test.each(["zsh", "fish"])(
  "there is a script for %s, and none for another shell",
  (shell) => {
    const { code, stdout } = runCli(["completion", shell]);
    expect(code).toBe(0);
    expect(stdout).toContain("pod-to-pod");
    expect(runCli(["completion", "csh"]).code).toBe(2);
  },
  60_000,
);
