import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { describeError, MeshproofError } from "#harness/lib/errors.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { command, outputOf } from "./command.ts";
import { commandLogDir, keepOutput } from "./command-log.ts";
import { buildFailure } from "./go.ts";
import { linesThatMatter, refusedModule, remedyOf } from "./lines-that-matter.ts";

const downloading = Array.from({ length: 200 }, (_, i) => `go: downloading example.com/m${i} v1.${i}.0`).join(
  "\n",
);
const polling = Array.from(
  { length: 250 },
  (_, i) =>
    `I0724 07:01:${String(i % 60).padStart(2, "0")}.646595     164 round_trippers.go:553] GET https://lab-control-plane:6443/healthz?timeout=10s  in ${i} milliseconds`,
).join("\n");

describe("go", () => {
  test("a compiler's errors with their package, without the downloads", () => {
    const output = `${downloading}
# github.com/cilium/cilium/pkg/a
pkg/a/a.go:12:3: undefined: missing
pkg/a/a.go:40:17: cannot use x (variable of type int) as string value in argument to f
# github.com/cilium/cilium/pkg/b
../b/b.go:7: too many errors`;
    expect(linesThatMatter(output, "go")).toEqual(output.split("\n").slice(200));
  });

  test("at most 15 lines, the first", () => {
    const errors = Array.from({ length: 40 }, (_, i) => `./x.go:${i}:1: undefined: y${i}`);
    expect(linesThatMatter(errors.join("\n"), "go")).toEqual(errors.slice(0, 15));
  });

  test.each([
    [
      "403",
      "go: example.com/cloud/sdk@v1.25.13: reading https://proxy.example/example.com/cloud/sdk/@v/v1.25.13.zip: 403 Forbidden",
      "example.com/cloud/sdk",
      "v1.25.13",
    ],
    [
      "404 of a dependency's go.mod, with the server's answer",
      "go: example.com/a/b/v2@v2.0.1/go.mod: reading https://proxy.example/x.mod: 404 Not Found\n\tserver response: not found: unknown revision v2.0.1",
      "example.com/a/b/v2",
      "v2.0.1",
    ],
    [
      "410",
      "example.com/c@v0.0.0-20200428115010-c45acf45369a: reading https://sum.example/lookup/c: 410 Gone",
      "example.com/c",
      "v0.0.0-20200428115010-c45acf45369a",
    ],
    [
      "a checksum that differs",
      "go: example.com/x imports\n\texample.com/d/api: example.com/d@v0.5.12: verifying module: checksum mismatch\n\tdownloaded: h1:aaaa=\n\tsum.golang.org: h1:bbbb=\n\nSECURITY ERROR\nThis download does NOT match the one reported by the checksum server.",
      "example.com/d",
      "v0.5.12",
    ],
    [
      "a checksum of go.sum",
      "verifying example.com/e@v2.4.1/go.mod: checksum mismatch\n\tdownloaded: h1:aaaa=\n\tgo.sum:     h1:bbbb=\n\nSECURITY ERROR",
      "example.com/e",
      "v2.4.1",
    ],
    [
      "a version that does not exist",
      "go: example.com/f@v9.9.9: invalid version: unknown revision v9.9.9",
      "example.com/f",
      "v9.9.9",
    ],
  ])("a refused module: %s", (_what, text, module, version) => {
    const output = `${downloading}\n${text}`;
    expect(refusedModule(output)).toMatchObject({ module, version });
    const lines = linesThatMatter(output, "go");
    expect(lines.join("\n")).toContain(`${module}@${version}`);
    expect(lines.length).toBeLessThan(8);
    const error = buildFailure(
      "component hubble 1.2.3",
      new MeshproofError("command-failed", "go build"),
      output,
    );
    expect(error).toMatchObject({ code: "artifact-unavailable", exitCode: 2 });
    expect(error.message).toContain(
      `${module}@${version}, which component hubble 1.2.3 needs, is not served`,
    );
  });

  test.each([
    ["go build k8s.io/x: /usr/lib/go/pkg/tool/linux_amd64/compile: signal: killed", /more memory/],
    ["# k8s.io/kubernetes/cmd/kubelet\nfatal error: runtime: out of memory", /more memory/],
    ["mkdir /tmp/go-build1/b002/: no space left on device", /disk space/],
    [
      "a.go:5:2: no required module provides package example.com/z; to add it:\n\tgo get example.com/z",
      undefined,
    ],
    [
      'go: example.com/z@v1.0.0: Get "https://proxy.example/z": dial tcp: lookup proxy.example: no such host',
      /network/,
    ],
  ])("%s", (text, remedy) => {
    expect(linesThatMatter(`${downloading}\n${text}`, "go").join("\n")).toContain(text.split("\n").at(0));
    if (remedy === undefined) expect(remedyOf(text)).toBeUndefined();
    else expect(remedyOf(text)).toMatch(remedy);
    const error = buildFailure("component x 1", new MeshproofError("command-failed", text), text);
    expect(error.code).toBe("build-failed");
  });
});

describe("kind", () => {
  test("kind's summary and kubeadm's cause, without the polling", () => {
    const output = `Creating cluster "meshproof-x--east" ...
 • Ensuring node image (kindest/node:v1.34.4) 🖼  ...
 ✓ Ensuring node image (kindest/node:v1.34.4) 🖼
 • Starting control-plane 🕹️  ...
 ✗ Starting control-plane 🕹️
ERROR: failed to create cluster: failed to init node with kubeadm: command "docker exec --privileged meshproof-x--east-control-plane kubeadm init" failed with error: exit status 1

Command Output: I0724 07:00:00.000000     164 initconfiguration.go:255] loading configuration
[init] Using Kubernetes version: v1.34.4
[certs] Generating "ca" certificate and key
${polling}
[kubelet-check] The kubelet is not healthy after 4m0.000943242s

Unfortunately, an error has occurred, likely caused by:
	- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)
error execution phase wait-control-plane: failed while waiting for the kubelet to start
To see the stack trace of this error execute with --v=5 or higher
k8s.io/kubernetes/cmd/kubeadm/app/cmd/phases/init.runWaitControlPlanePhase
	k8s.io/kubernetes/cmd/kubeadm/app/cmd/phases/init/waitcontrolplane.go:112
main.main
runtime.goexit`;
    const lines = linesThatMatter(output, "kind");
    expect(lines).toEqual([
      " ✗ Starting control-plane 🕹️",
      expect.stringMatching(/^ERROR: failed to create cluster/),
      expect.stringMatching(/kubelet is not healthy after/),
      expect.stringMatching(/^Unfortunately/),
      expect.stringMatching(/required cgroups disabled/),
      expect.stringMatching(/^error execution phase/),
    ]);
    expect(remedyOf(output)).toMatch(/doctor/);
  });

  test("preflight errors", () => {
    const output = `ERROR: failed to create cluster: failed to init node with kubeadm
[preflight] Running pre-flight checks
[preflight] Some fatal errors occurred:
	[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2`;
    expect(linesThatMatter(output, "kind").join("\n")).toMatch(/fatal errors occurred:\n\t\[ERROR NumCPU\]/);
    expect(linesThatMatter(output, "kind").join("\n")).not.toContain("Running pre-flight");
  });

  test("of many errors the first and the last", () => {
    const output = Array.from(
      { length: 60 },
      (_, i) => `error ${String.fromCharCode(97 + (i % 26))}${"x".repeat(i)}`,
    );
    const lines = linesThatMatter(output.join("\n"), "kind");
    expect(lines).toHaveLength(15);
    expect([lines[0], lines.at(-1)]).toEqual([output[0], output.at(-1)]);
  });
});

test("helm's schema errors", () => {
  const output = `W0611 warnings.go:70] unknown field
Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following chart(s):
cilium:
- at '/envoy/xdsMode': value must be one of '', 'split'`;
  expect(linesThatMatter(output, "helm").at(-1)).toContain("/envoy/xdsMode");
});

test("mmdebstrap's errors", () => {
  const output = `I: running apt-get update...
Get:1 http://mirror.example/debian bookworm InRelease [151 kB]
Err:1 http://mirror.example/debian bookworm InRelease
  404  Not Found [IP: 192.0.2.1 80]
E: Unable to locate package clang-99
E: mmdebstrap failed to run`;
  expect(linesThatMatter(output, "mmdebstrap")).toEqual(output.split("\n").slice(2));
});

test("of an unknown program the last lines, without colours", () => {
  const output = Array.from({ length: 30 }, (_, i) => `\u001b[31mline ${i}\u001b[0m`).join("\n");
  expect(linesThatMatter(output, "tar")).toEqual(Array.from({ length: 12 }, (_, i) => `line ${i + 18}`));
  expect(linesThatMatter("", "tar")).toEqual([]);
});

describe("a command that fails", () => {
  beforeEach(() => {
    process.env.XDG_CACHE_HOME = tempFolder("logs");
  });
  const failed = async (script: string): Promise<Error> =>
    command("sh", ["-c", script]).then(
      () => new Error("it did not fail"),
      (error: unknown) => error as Error,
    );

  test("prints the relevant lines once, and the path of the complete output", async () => {
    const error = await failed("seq 1 200; exit 3");
    const text = describeError(error);
    expect(text.split("\n").length).toBeLessThan(20);
    expect(text.match(/^200$/gm)).toHaveLength(1);
    const log = /complete output: (\S+\.log)/.exec(text)?.[1] ?? "";
    expect(readFileSync(log, "utf8").split("\n")).toHaveLength(200);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    expect(outputOf(error).split("\n")).toHaveLength(200);
  });

  test("with a short output writes no file", async () => {
    expect((await failed("echo no; exit 3")).message).toMatch(/exited with code 3: no$/);
    expect(existsSync(commandLogDir())).toBe(false);
  });

  test("keeps a limited number of logs", async () => {
    for (let i = 0; i < 60; i++) await keepOutput("go", `output ${i}`);
    expect(readdirSync(commandLogDir())).toHaveLength(50);
  });
});

test("a cause that the message already contains is not repeated", () => {
  const cause = new MeshproofError("command-failed", "docker pull x exited with code 1: denied");
  const error = new MeshproofError("artifact-unavailable", `image x cannot be pulled: ${cause.message}`, {
    cause,
  });
  expect(describeError(error).match(/denied/g)).toHaveLength(1);
});
