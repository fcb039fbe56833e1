import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { strToU8, unzipSync, zipSync } from "fflate";
import { extract, pack } from "tar-stream";
import { afterAll, expect, test } from "vitest";
import { parse as parseYaml, stringify as toYaml } from "yaml";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { appendToReport, appendToReportNow, ReportStream, writeReportFile } from "./report-files.ts";
import { redactionLines, redactionsIn } from "./report-redactions.ts";
import { githubToken, harmless, jwt, pem, planted } from "./secrets/planted.ts";

const dir = tempFolder("report");
afterAll(() => rmSync(dir, { recursive: true }));
const read = (name: string): string => readFileSync(join(dir, name), "utf8");

async function written(name: string, content: string | Uint8Array): Promise<string> {
  await writeReportFile(join(dir, name), content);
  return read(name);
}

test.each(Object.entries(planted))("%s appears in no file of a report", async (_, { text, secret }) => {
  const redacted = await written("planted.txt", text);
  expect(redacted).not.toContain(secret);
  expect(redacted).toContain("[redacted: ");
});

test("text without a secret is written unchanged, byte for byte", async () => {
  const text = harmless.join("\n");
  expect(await written("harmless.txt", text)).toBe(text);
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await writeReportFile(join(dir, "bytes"), bytes);
  expect(new Uint8Array(readFileSync(join(dir, "bytes")))).toEqual(bytes);
});

test.each(["report.json", "report.html", "junit.xml", "artifacts/a/east/pods.json"])(
  "%s is scanned",
  async (name) => {
    const redacted = await written(
      name,
      JSON.stringify({ reasons: [`answered ${jwt}`, githubToken], kept: 1 }),
    );
    expect(JSON.parse(redacted)).toEqual({
      reasons: ["answered [redacted: token (JWT)]", "[redacted: github token]"],
      kept: 1,
    });
  },
);

test("a redacted certificate stays valid YAML", async () => {
  const certificate = { from: "1.19.1", phases: [{ reasons: [`plain words and ${jwt} in them`] }] };
  const redacted = await written("certificate.yaml", toYaml(certificate));
  expect(parseYaml(redacted)).toEqual({
    from: "1.19.1",
    phases: [{ reasons: ["plain words and [redacted: token (JWT)] in them"] }],
  });
});

async function tar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const out = pack();
  for (const [name, text] of Object.entries(files)) out.entry({ name, mode: 0o640 }, text);
  out.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of out) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function untar(bytes: Buffer): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const reader = extract();
  reader.end(bytes);
  for await (const entry of reader) {
    let text = "";
    for await (const chunk of entry) text += String(chunk);
    files[entry.header.name] = text;
  }
  return files;
}

const inside = { "cmd/env.md": `token ${jwt}\n`, "cmd/other.md": "kept\n" };
const clean = { "cmd/env.md": "token [redacted: token (JWT)]\n", "cmd/other.md": "kept\n" };

test("the contents of bugtool archives are redacted, in every archive format", async () => {
  await writeReportFile(join(dir, "bugtool.tar"), await tar(inside));
  expect(await untar(readFileSync(join(dir, "bugtool.tar")))).toEqual(clean);
  await writeReportFile(join(dir, "bugtool.tar.gz"), gzipSync(await tar(inside)));
  expect(await untar(gunzipSync(readFileSync(join(dir, "bugtool.tar.gz"))))).toEqual(clean);
  await writeReportFile(
    join(dir, "sysdump.zip"),
    zipSync({ "a.tar.gz": gzipSync(await tar(inside)), "b.txt": strToU8(pem()) }),
  );
  const zip = unzipSync(readFileSync(join(dir, "sysdump.zip")));
  expect(await untar(gunzipSync(zip["a.tar.gz"] ?? Buffer.of()))).toEqual(clean);
  expect(Buffer.from(zip["b.txt"] ?? []).toString()).toBe("[redacted: private key]\n");
});

test("an archive without a secret is written unchanged, an unreadable one not at all", async () => {
  const whole = gzipSync(await tar({ a: "kept" }));
  await writeReportFile(join(dir, "kept.tgz"), whole);
  expect(readFileSync(join(dir, "kept.tgz")).equals(whole)).toBe(true);
  expect(await written("cut.tgz", gzipSync(await tar(inside)).subarray(0, 60))).toBe(
    "[redacted: unreadable gzip archive]",
  );
});

test("lines are scanned when they are appended, and when they are streamed", async () => {
  await appendToReport(join(dir, "deep/events.jsonl"), `${JSON.stringify({ a: githubToken })}\n`);
  await appendToReport(join(dir, "deep/events.jsonl"), `{"b":1}\n`);
  expect(read("deep/events.jsonl")).toBe('{"a":"[redacted: github token]"}\n{"b":1}\n');
  appendToReportNow(join(dir, "leaks.ndjson"), `{"from":"east/denied","password":"hunter2x"}\n`);
  expect(read("leaks.ndjson")).toBe('{"from":"east/denied","password":"[redacted: password]"}\n');
});

test("a stream keeps the order of its lines and redacts secrets in them", async () => {
  const stream = await ReportStream.create(join(dir, "histories/h.ndjson"));
  const line = (i: number, by: string): string => `["s",${i},${5 * i},0.1,1.2,"ok","${by}","east"]\n`;
  const by = (i: number): string =>
    i % 100 === 50 ? githubToken : i % 70 === 3 ? jwt : "echo-east-6d5f8c7b9d-abcde";
  for (let i = 0; i < 500; i++) stream.write(line(i, by(i)));
  await stream.end();
  const lines = read("histories/h.ndjson").trim().split("\n");
  expect(lines.map((l) => JSON.parse(l)[1])).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(lines[50]).toContain("[redacted: github token]");
  expect(lines[3]).toContain("[redacted: token (JWT)]");
  expect(read("histories/h.ndjson")).not.toMatch(/ghp_|eyJ/);
});

test("a stream that cannot be written reports the error at its end, not before", async () => {
  const stream = await ReportStream.create(join(dir, "h.ndjson"));
  expect(stream).toBeDefined();
  await stream.end();
  const broken = await ReportStream.create(dir);
  for (let i = 0; i < 100; i++) broken.write("x\n");
  await expect(broken.end()).rejects.toThrow();
});

test("redactions are counted by file and kind, in archives too, without their value", async () => {
  const report = tempFolder("report");
  await writeReportFile(
    join(report, "artifacts/a/log.txt"),
    `${pem()}${pem("EC PRIVATE KEY")}${githubToken}`,
  );
  await writeReportFile(join(report, "artifacts/a/bugtool.tar.gz"), gzipSync(await tar(inside)));
  await writeReportFile(join(report, "artifacts/a/large.txt"), `${"x".repeat(1024 ** 2 - 5)} ${jwt} [`);
  await writeReportFile(join(report, "report.json"), jwt);
  const found = await redactionsIn(report, ["report.json"]);
  rmSync(report, { recursive: true });
  expect(found).toEqual([
    { file: "artifacts/a/bugtool.tar.gz", kind: "token (JWT)", count: 1 },
    { file: "artifacts/a/large.txt", kind: "token (JWT)", count: 1 },
    { file: "artifacts/a/log.txt", kind: "private key", count: 2 },
    { file: "artifacts/a/log.txt", kind: "github token", count: 1 },
  ]);
  expect(redactionLines(found)[2]).toBe("redacted in artifacts/a/log.txt: private key (2 times)");
});

/**
 * Source files that write files directly, and what they write instead of report files. A new writer of a report file
 * does not belong here: it calls report-files.ts.
 */
const otherWriters: Readonly<Record<string, string>> = {
  "harness/platform/paths.ts": "writeAtomic itself",
  "harness/platform/report-files.ts": "the only writer of reports",
  "harness/platform/doctor/setup.ts": "settings of this machine",
  "harness/platform/priority.ts": "control groups",
  "harness/state/lab.ts": "state of a lab",
  "harness/state/fault-journal.ts": "state of a lab",
  "harness/cluster/kind/create-cluster.ts": "a kind Config, state of a lab",
  "harness/cilium/install/ca.ts": "keys of a lab, which stay in its state",
  "harness/state/certification-journal.ts": "state of a lab",
  "harness/state/certification-progress.ts": "state of a certification",
  "harness/jobs/repro/gitops/example-files.ts": "folders of the unit tests",
  "harness/jobs/certify/check/check-examples.ts": "files of the unit tests",
  "scripts/tools/flags/main.ts": "flags of each version, from Cilium's sources",
  "scripts/tools/fault-fixtures/fault-fixtures.ts":
    "fixtures of the unit tests, from a report that was scanned",
  "scripts/tools/diagnose-trial/try-fault.ts": "fixtures of the unit tests, from a report that was scanned",
  "scripts/tools/chart-values/main.ts": "a table of the charts' values",
  "scripts/tools/versions-matrix/main.ts":
    "a page and its data, which hold names, outcomes and versions only",
  "scripts/tools/timings/main.ts": "pages and their data, which hold figures, names and versions only",
  "harness/jobs/repro/bundle.ts": "a bundle, which refuses keys",
  "harness/jobs/repro/lab-files.ts": "a lab file",
  "scripts/tools/publish/pages.ts": "README.md and docs/; what is published goes through report-files.ts",
  "harness/jobs/certify/matrix.ts": "a history that the user names, outside any report",
  "harness/measure/series.ts": "a series that the user names, outside any report",
  "harness/images/archive.ts": "the cache",
  "harness/images/registry.ts": "the cache",
  "harness/images/store.ts": "the cache",
  "harness/images/source/debian.ts": "the cache",
  "harness/images/source/go-build.ts": "the cache",
  "harness/images/source/requirements.ts": "the cache",
  "harness/images/source/image.ts": "the cache",
  "harness/platform/command-log.ts": "whole outputs of failed programs, in the cache",
  "harness/config/user-file.ts": "tries whether a file that the user names can be written",
  "harness/testkit/pause.ts": "a mark in the state of a lab while a failed test is inspected",
  "harness/jobs/merge-reports.ts": "files of other reports, scanned when they were written",
  "harness/testkit/run-context.ts": "the context of a run, in the state of its lab or where the user names",
  "scripts/tools/schema/main.ts": "a schema",
  "scripts/tools/durations/main.ts": "the recorded durations of suites and faults",
  "scripts/tools/reference/main.ts": "pages of the documentation",
  "scripts/tools/docs-trial/files.ts": "the example suite of the documentation",
  "scripts/tools/fuzz/fuzz.ts": "generated archives in a temporary folder",
  "scripts/tools/fuzz/large-log.ts": "generated archives in a temporary folder",
  "harness/kube/fake-api-server.ts": "the temporary kubeconfig of a fake API server",
};
const writes =
  /\b(?:writeAtomic|writeFile|writeFileSync|appendFile|appendFileSync|createWriteStream|copyFile|copyFileSync|cp|cpSync|writev?Sync|write)\b(?=[^;]*\bfrom\s*"(?:node:fs(?:\/promises)?|[^"]*\/paths\.ts)")|\bopen(?:Sync)?\([^;)]*,\s*"[wa]/;

test("no other file writes into a report", () => {
  const root = join(import.meta.dirname, "../..");
  const writers = globSync(["harness/**/*.ts", "scripts/**/*.ts", "suites/**/*.ts"], { cwd: root })
    .filter((f) => !/\.test\.ts$/.test(f) || f.startsWith("suites/"))
    .filter((f) => writes.test(readFileSync(join(root, f), "utf8")));
  // A renamed import would hide the module's functions from this check.
  const sources = globSync(["harness/**/*.ts", "scripts/**/*.ts"], { cwd: root });
  expect(
    sources.filter((f) =>
      /import\s+(?:\*\s+as\s+)?\w+\s+from\s*"(?:node:)?fs/.test(readFileSync(join(root, f), "utf8")),
    ),
  ).toEqual([]);
  expect(writers.filter((f) => otherWriters[f] === undefined)).toEqual([]);
  expect(Object.keys(otherWriters).filter((f) => !writers.includes(f))).toEqual([]);
});
