import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { runCli } from "./as-process.ts";

describe("a wrong command line", () => {
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
    [["certify", "--from-cycles", "no-such-folder"], "holds no cycle.json"],
    [["certify", "--from-cycles", "x", "--from", "1.19.7"], "does not accept --from"],
    [["certify", "--resume", "--cycles", "2"], "does not accept --cycles"],
    [["certify", "--from", "1.19.7", "--to", "1.20.2", "--cycles", "0"], "a whole number from 1 to 100"],
    [["certify", "--check"], "--check needs --to"],
    [["certify", "--check", "--to", "1.20"], "--to 1.20 is not a version"],
    [["certify", "--check", "--to", "01.20.2", "x.yaml"], "--to 01.20.2 is not a version"],
    [["certify", "--check", "--to", "1.20.2", "--full"], "--check does not take --full"],
    [["certify", "--check", "--to", "1.20.2", "--kubeconfig", "x"], "--kubeconfig needs --context"],
    [["certify", "--check", "--to", "1.20.2", "x.yaml", "--lab", "x"], "give one of them"],
    [["certify", "--from", "1.19.7", "--to", "1.20.2", "--context", "x"], "options of certify --check"],
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
