import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { diagnoseFiles } from "#harness/jobs/diagnose.ts";
import { planRepro } from "#harness/jobs/repro/index.ts";
import { checkTestFiles } from "#harness/jobs/test-files.ts";
import { checkKubeconfig, namedKubeconfig } from "#harness/kube/kubeconfig.ts";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { readSeries } from "#harness/measure/series.ts";
import { readLabFile, readManifests, readValues } from "./lab-file.ts";
import { readMatrix } from "./upgrade-matrix.ts";
import { checkWritable, readingUserFile, readUserFile, readUserJson } from "./user-file.ts";

let dir: string;
beforeEach(() => {
  dir = tempFolder("files");
  mkdirSync(join(dir, "dir"));
  writeFileSync(join(dir, "empty"), "");
  writeFileSync(join(dir, "binary"), Buffer.from([0x1f, 0x8b, 0x00, 0xff, 0xfe]));
  writeFileSync(join(dir, "latin1"), Buffer.from([0x61, 0xe4, 0x3a, 0x20, 0x31]));
  writeFileSync(join(dir, "broken"), "a: [1");
  writeFileSync(join(dir, "alias"), "a: *nowhere");
  writeFileSync(join(dir, "text"), '"a string"');
  writeFileSync(join(dir, "list"), "- 1\n- { items: [1, null], metadata: 7 }\n");
});

/** Kinds of invalid paths and files. */
const wrong = [
  "nosuch",
  "dir",
  "binary",
  "latin1",
  "broken",
  "alias",
  "text",
  "list",
  "empty/below",
  "empty",
];

/** Each reader of a user's file, and the kinds that it accepts nevertheless. */
const readers: [string, (path: string) => unknown, readonly string[]][] = [
  ["--lab-file", readLabFile, []],
  ["--values", (path) => readValues(path, "--values"), ["empty"]],
  ["manifests", (path) => readManifests(join(dir, "lab.yaml"), path), ["empty"]],
  ["--matrix", readMatrix, []],
  [
    "--series",
    async (path) => checkTestFiles({ series: path }),
    ["nosuch", "empty", "broken", "alias", "text"],
  ],
  ["--baseline", async (path) => checkTestFiles({ baseline: path }), ["empty", "broken", "alias", "text"]],
  ["--kubeconfig", async (path) => checkKubeconfig(namedKubeconfig(path), ["a"]), []],
  ["diagnose FILE", (path) => diagnoseFiles([path]), []],
  ["repro FILE", (path) => planRepro([path], join(dir, "out")), []],
  ["a JSON file", async (path) => readUserJson(path, "--history", "name another"), ["text"]],
];

describe.each(readers)("%s", (_option, read, takes) => {
  test.each(wrong.filter((name) => !takes.includes(name)))(
    "%s exits with code 2, the file and a remedy",
    async (name) => {
      const path = join(dir, name);
      const error: unknown = await Promise.resolve()
        .then(() => read(path))
        .then(
          () => undefined,
          (e: unknown) => e,
        );
      expect(error).toMatchObject({ exitCode: 2, remedy: expect.stringMatching(/\w/) });
      expect(String(error)).toContain(name.split("/")[0]);
    },
  );
});

test("the message names file, place and reason", () => {
  expect(() => readUserFile("/nosuch/f", "--values")).toThrow(
    expect.objectContaining({
      message: "cannot read /nosuch/f (--values): no such file",
      remedy: "check the path",
    }),
  );
  expect(() => readUserFile(dir, "--values")).toThrow(/it is a directory/);
  expect(() => readUserFile("/dev/zero", "--values")).toThrow(/is larger than 256 MiB/);
});

test("a file with unexpected content is reported as such", async () => {
  const read = readingUserFile("f", "--resume", "name another run", async () => JSON.parse("{"));
  await expect(read).rejects.toMatchObject({ code: "config-invalid", remedy: "name another run" });
});

describe("files that are written", () => {
  test.each(["dir", "empty/below"])("%s is refused", (name) => {
    expect(() => checkWritable(join(dir, name), "--summary")).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining("(--summary)") }),
    );
  });
  test("the check leaves no file behind", () => {
    checkWritable(join(dir, "new/summary.md"), "--summary");
    expect(readdirSync(join(dir, "new"))).toEqual([]);
  });
});

describe("a kubeconfig", () => {
  const kubeconfig = (user: string): string =>
    `contexts: [{ name: a, context: { cluster: c, user: u } }, { name: half }]
clusters: [{ name: c, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: u, user: ${user} }]
`;
  const check = (text: string, context: string): void => {
    writeFileSync(join(dir, "kubeconfig"), text);
    checkKubeconfig(namedKubeconfig(join(dir, "kubeconfig")), [context]);
  };
  test("with the context is accepted", () => check(kubeconfig("{ token: t }"), "a"));
  test("without the context is refused with the contexts that it has", () =>
    expect(() => check(kubeconfig("{}"), "b")).toThrow(
      expect.objectContaining({
        message: expect.stringContaining("no context b"),
        remedy: "name one of a, half",
      }),
    ));
  test("with an incomplete context is refused", () =>
    expect(() => check(kubeconfig("{}"), "half")).toThrow(/contexts half/));
  test("with a missing key file is refused", () =>
    expect(() => check(kubeconfig("{ client-key: nosuch.key }"), "a")).toThrow(
      /nosuch\.key \(client-key in/,
    ));
});

test("a missing series file is a new series", () => expect(readSeries(join(dir, "nosuch"))).toEqual([]));

describe("a text in UTF-16", () => {
  const text = "a: größe\r\n".repeat(20);
  const le = Buffer.from(`\uFEFF${text}`, "utf16le");
  const be = Buffer.from(le).swap16();
  const written = (bytes: Buffer): string => {
    writeFileSync(join(dir, "wide"), bytes);
    return join(dir, "wide");
  };

  test.each([
    ["little", le],
    ["big", be],
  ])("is read by its byte order mark, %s endian", (_, bytes) => {
    expect(readUserFile(written(bytes), "x")).toBe(text);
  });

  test.each([
    ["UTF-16LE", le.subarray(2)],
    ["UTF-16BE", be.subarray(2)],
    ["UTF-32", Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0])],
  ])("without one is refused as %s, with the remedy", (name, bytes) => {
    expect(() => readUserFile(written(Buffer.from(bytes)), "x")).toThrow(
      expect.objectContaining({
        code: "config-invalid",
        message: expect.stringContaining(`it looks like ${name} without a byte order mark`),
        remedy: expect.stringContaining("-Encoding utf8"),
      }),
    );
  });

  test("with half a character is refused", () => {
    expect(() => readUserFile(written(le.subarray(0, 5)), "x")).toThrow("it looks like UTF-16LE");
  });
});

test("a byte of another encoding is named with its line", () => {
  const file = join(dir, "latin1.yaml");
  writeFileSync(file, Buffer.from("cluster:\n  name: nîmes\n", "latin1"));
  expect(() => readUserFile(file, "--values")).toThrow(
    /is not a text file in UTF-8: line 2 has the byte 0xee$/,
  );
});
