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

/** A fake that records its arguments. */
async function fakeCli(): Promise<() => Promise<string[]>> {
  const dir = tempFolder("cli");
  const log = join(dir, "log");
  await writeFile(
    join(dir, "cilium"),
    `#!/bin/sh\necho "$KUBECONFIG $*" >> ${log}\necho "cilium-cli: v0.19.7 compiled with go1.26"\n`,
  );
  await chmod(join(dir, "cilium"), 0o755);
  vi.stubEnv("PATH", `${dir}:${process.env.PATH}`);
  vi.stubEnv("KUBECONFIG", "");
  return async () => (await readFile(log, "utf8")).trim().split("\n").slice(1);
}

test("enables, connects in one direction and waits, each on the clusters' own kubeconfigs", async () => {
  const requested = await fakeCli();
  const cli = found(await CiliumCli.find(signal), "cilium on the PATH");
  expect(cli.version).toBe("v0.19.7");
  await cli.enable(east, "NodePort");
  await cli.connect(east, west);
  await cli.awaitStatus(west);
  expect(await requested()).toEqual([
    "/tmp/east clustermesh enable --context kind-east --service-type NodePort",
    "/tmp/east:/tmp/west clustermesh connect --context kind-east --destination-context kind-west --allow-mismatching-ca",
    "/tmp/west clustermesh status --context kind-west --wait",
  ]);
});

test("is undefined without a `cilium` program on the PATH", async () => {
  vi.stubEnv("PATH", "/nonexistent");
  expect(await CiliumCli.find(signal)).toBeUndefined();
});
