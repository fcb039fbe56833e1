import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { readCiliumSpec } from "#harness/config/cilium-spec.ts";
import { silent } from "#harness/lib/progress.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleArtifacts } from "#harness/model/examples.ts";
import { fromArchive } from "./archive.ts";
import { checkArchiveOption } from "./options.ts";
import { lockDigest, throughMirror } from "./registry.ts";
import { parsePackages } from "./source/debian.ts";
import { adaptContainerdConfig } from "./source/node-image.ts";
import { Store } from "./store.ts";

let dir: string;
beforeEach(async () => {
  dir = tempFolder("store");
  process.env.XDG_CACHE_HOME = dir;
});

describe("the store", () => {
  test("makes an entry once for two concurrent requests", async () => {
    const store = new Store(dir);
    let made = 0;
    const make = async (staging: string): Promise<void> => {
      made += 1;
      await writeFile(join(staging, "x"), "whole");
    };
    const [a, b] = await Promise.all([store.entry("go", "k", make), store.entry("go", "k", make)]);
    expect(a).toBe(b);
    expect(made).toBe(1);
    expect(await store.names("go")).toEqual(["k"]);
  });

  test("a failed build leaves no entry, and the next one starts in an empty folder", async () => {
    const store = new Store(dir);
    const broken = store.entry("go", "k", async (staging) => {
      await writeFile(join(staging, "half"), "");
      throw new Error("no");
    });
    await expect(broken).rejects.toThrow("no");
    expect(await store.names("go")).toEqual([]);
    const made = await store.entry("go", "k", async (staging) => {
      expect(await readdir(staging)).toEqual([]);
      await writeFile(join(staging, "whole"), "");
    });
    expect(await readdir(made)).toEqual(["whole"]);
  });

  test("what a killed writer left is not used", async () => {
    const program = `
      import { Store } from ${JSON.stringify(join(import.meta.dirname, "store.ts"))};
      import { writeFile } from "node:fs/promises";
      await new Store(${JSON.stringify(dir)}).entry("go", "k", async (staging) => {
        await writeFile(staging + "/half", "");
        console.log("writing");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    const store = new Store(dir);
    expect(await store.names("go")).toEqual([]);
    const made = await store.entry("go", "k", async (staging) => writeFile(join(staging, "whole"), ""));
    expect(await readdir(made)).toEqual(["whole"]);
  });
});

describe("archives", () => {
  const request = (archive: string) => ({
    clusters: new Map(),
    source: "archive" as const,
    archive,
    progress: silent,
    signal: new AbortController().signal,
  });

  async function archive(alter: (text: string) => string): Promise<string> {
    const staging = join(dir, "a");
    await mkdir(staging, { recursive: true });
    await writeFile(join(staging, "kind"), "binary");
    const sha = "9a3a45d01531a20e89ac6ae10b0b0beb0492acd7216a368aa062d1a5fecaf9cd";
    await writeFile(
      join(staging, "manifest.json"),
      alter(JSON.stringify({ meshproofArchive: 1, digests: { kind: sha }, artifacts: exampleArtifacts() })),
    );
    const file = join(dir, "a.tar");
    const { command } = await import("#harness/platform/command.ts");
    await command("tar", ["-cf", file, "-C", staging, "manifest.json", "kind"]);
    return file;
  }

  test("an archive with an altered member is refused, naming the member", async () => {
    await expect(fromArchive(request(await archive((t) => t.replace("9a3a", "0000"))))).rejects.toMatchObject(
      { code: "archive-corrupt", message: expect.stringContaining("its kind was altered") },
    );
  });

  test("a truncated archive and a missing one are refused, naming the file", async () => {
    const file = await archive((t) => t);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, 700));
    await expect(fromArchive(request(file))).rejects.toMatchObject({
      code: "archive-corrupt",
      message: expect.stringContaining(file),
    });
    await expect(fromArchive(request("/nowhere.tar"))).rejects.toMatchObject({
      code: "artifact-unavailable",
      exitCode: 2,
    });
  });
});

test("a digest that changes after the first pull is refused, naming the image", async () => {
  await lockDigest("m|quay.io/x:1", "sha256:a", "quay.io/x:1");
  await lockDigest("m|quay.io/x:1", "sha256:a", "quay.io/x:1");
  await expect(lockDigest("m|quay.io/x:1", "sha256:b", "quay.io/x:1")).rejects.toMatchObject({
    code: "digest-changed",
    message: expect.stringMatching(/quay\.io\/x:1 had digest sha256:a.*sha256:b now/),
  });
});

test("a reference through a mirror keeps its path", () => {
  expect(throughMirror("docker.io/kindest/node:v1", "127.0.0.1:5000")).toBe("127.0.0.1:5000/kindest/node:v1");
  expect(throughMirror("quay.io/cilium/cilium:v1", undefined)).toBe("quay.io/cilium/cilium:v1");
});

test("image options are checked before use", async () => {
  const archive = join(dir, "a.tar");
  expect(() => checkArchiveOption(`archive=${archive}`, undefined)).toThrow(/cannot read .*a\.tar.*no such/);
  await writeFile(archive, "no tar");
  expect(() => checkArchiveOption(`archive=${archive}`, undefined)).toThrow(/not a tar archive/);
  await writeFile(archive, Buffer.alloc(512).fill("ustar", 257, 262));
  expect(checkArchiveOption(`archive=${archive}`, undefined)).toEqual({ source: "archive", archive });
  expect(() => checkArchiveOption("docker", undefined)).toThrow(/none of registry, source/);
  expect(() => checkArchiveOption("auto", "no port")).toThrow(/not of the form host:port/);
});

test("a Cilium that is neither a version nor a checkout is refused", async () => {
  expect(readCiliumSpec("1.19.4")).toEqual({ version: "1.19.4" });
  expect(() => readCiliumSpec(dir)).toThrow(expect.objectContaining({ code: "usage", exitCode: 2 }));
  await writeFile(join(dir, "go.mod"), "module github.com/cilium/cilium\n");
  await writeFile(join(dir, "VERSION"), "1.20.0-dev\n");
  expect(readCiliumSpec(dir)).toEqual({ version: "1.20.0-dev", checkout: dir });
});

test("apt's listing gives one record per package", () => {
  expect(parsePackages("Package: b\nVersion: 2\nSHA256: y\n\nPackage: a\nVersion: 1\nSHA256: x\n")).toEqual([
    { name: "a", version: "1", sha256: "x" },
    { name: "b", version: "2", sha256: "y" },
  ]);
});

test("containerd's configuration keeps its other settings", () => {
  const adapted = adaptContainerdConfig(
    'version = 2\n  sandbox_image = "old"\n  restrict_oom_score_adj = false\n',
    "registry.k8s.io/pause:3.10.1",
  );
  expect(adapted).toContain('sandbox_image = "registry.k8s.io/pause:3.10.1"');
  expect(adapted).toContain("restrict_oom_score_adj = true");
  expect(adapted).toContain('config_path = "/etc/containerd/certs.d"');
  expect(adapted).toContain('stats_collect_period = "5m"');
});
