import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { runCli } from "./as-process.ts";

describe("a wrong command line", { timeout: 60_000 }, () => {
  test.each([
    [["nosuch", "--help"], "unknown command 'nosuch'"],
    [["down", "--all", "--lab", "x"], "--all removes every lab, --lab one"],
    [
      ["test", "--context", "a", "--context", "b", "--lab", "x"],
      "--context names external clusters, --lab a lab",
    ],
    [["test", "--shard", "0/3"], "Expected: I/N"],
    [["test", "--lab", "no-such-lab", "--with-fault", "nosuch"], "nosuch"],
    [["prove", "--lab", "no-such-lab", "--fault", "nosuch"], "nosuch"],
  ])("%j is refused before anything is looked for", (argv, message) => {
    const { code, stderr } = runCli(argv);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("lab-missing");
    expect(code).toBe(2);
  });

  test("no message repeats the text of a malformed file", () => {
    const file = join(tempFolder("values"), "values.yaml");
    writeFileSync(file, "clustermesh:\n  apiserver:\n    password: [hunter2-Sup3rSecret\n");
    const { code, stdout, stderr } = runCli(["images", "--values", file]);
    expect(`${stdout}${stderr}`).toContain(file);
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
    expect(code).toBe(2);
  });
});
