import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { found } from "#harness/lib/found.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { CiliumCli } from "./cilium-cli.ts";

const signal = new AbortController().signal;
const east = { context: "kind-east", kubeconfig: "/tmp/east" };
const west = { context: "kind-west", kubeconfig: "/tmp/west" };

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A fake that records its arguments, and prints on both of its outputs. */
async function fakeCli(prints = "cilium-cli: v0.19.7 compiled with go1.26") {
  const dir = tempFolder("cli");
  const log = join(dir, "log");
  const program = join(dir, "cilium");
  await writeFile(program, `#!/bin/sh\necho "$KUBECONFIG $*" >> ${log}\necho "${prints}"\necho warned >&2\n`);
  await chmod(program, 0o755);
  vi.stubEnv("PATH", `${dir}:${process.env.PATH}`);
  vi.stubEnv("KUBECONFIG", "");
  return { program, requested: async () => (await readFile(log, "utf8")).trim().split("\n") };
}

test("runs the given program on the clusters' own kubeconfigs, and returns what it printed", async () => {
  const { program, requested } = await fakeCli("connected");
  const cli = new CiliumCli({ program, version: "v1" }, signal);
  expect(await cli.run({ argv: ["clustermesh", "connect"], clusters: [east, west] })).toBe(
    "connected\nwarned",
  );
  await cli.run({ argv: ["status", "--wait"], clusters: [west] });
  expect(await requested()).toEqual(["/tmp/east:/tmp/west clustermesh connect", "/tmp/west status --wait"]);
});

test("reads the version of the one on the PATH", async () => {
  await fakeCli();
  expect(found(await CiliumCli.onPath(signal), "cilium on the PATH").version).toBe("v0.19.7");
});

test("is undefined without a `cilium` program on the PATH", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  expect(await CiliumCli.onPath(signal)).toBeUndefined();
});

test.each([
  ["      --allow-mismatching-ca   Whether to allow mismatching CAs", true],
  ["      --connection-mode string", false],
])("asks the tool itself whether it refuses different CAs: %s", async (help, refuses) => {
  const { program } = await fakeCli(help);
  expect(await new CiliumCli({ program, version: "v1" }, signal).refusesMismatchingCa(east)).toBe(refuses);
});
