// Reports with text that the author of a cluster object or an archive could choose.
import fc from "fast-check";
import { XmlDocument } from "libxml2-wasm";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { printable, visible } from "#harness/lib/visible.ts";
import { hostileText, isWorkflowCommand, textOfOthers, unseen } from "#harness/lib/visible-examples.ts";
import type { Certificate, PhaseRecord } from "#harness/model/certificate.ts";
import { exampleHistory, exampleMeasurement } from "#harness/model/examples.ts";
import type { History } from "#harness/model/history.ts";
import type { RunRecord } from "#harness/model/record.ts";
import { certificateHtml } from "./certificate-html.ts";
import { toHtml } from "./html.ts";
import { toJunit } from "./junit.ts";
import { toMarkdown } from "./markdown.ts";

const historyOf = (text: string): History =>
  exampleHistory({
    title: text,
    vantage: text,
    target: text,
    samples: [
      { seq: 0, dueMs: 0, sentMs: 0, endMs: 1, outcome: "ok", servedBy: text, cluster: text },
      { seq: 1, dueMs: 5, sentMs: 5, endMs: 6, outcome: "timeout", detail: text },
    ],
  });

/** A run with `text` in every field that takes a text. */
const runOf = (text: string): RunRecord => {
  const [fault, kill] = [`f${text}`, `suite > ${text}`];
  return {
    schema: 1,
    runId: text,
    startedAt: "2026-11-21T12:00:00.000Z",
    durationMs: 1000,
    command: text,
    lab: text,
    profile: text,
    fault: text,
    kernel: text,
    meshproof: text,
    imageSource: text,
    imageReason: text,
    clusters: [
      {
        name: text,
        id: 1,
        podCidr: text,
        serviceCidr: text,
        nodes: [text],
        kubernetes: text,
        cilium: text,
        nodeImage: text,
        nodeImageId: text,
      },
    ],
    provenance: [{ name: text, version: text, origin: text, sum: text, notes: [text] }],
    budgets: { [text]: 1 },
    suites: [
      {
        name: text,
        goal: text,
        method: text,
        durationMs: 1,
        errors: [text],
        findings: [
          { layer: text, severity: "broken", cluster: text, subject: text, message: text, next: text },
        ] as never,
        tests: (["pass", "fail", "unknown", "unsupported", "skipped"] as const).map((outcome) => ({
          suite: text,
          name: `t${text}`,
          outcome,
          reasons: [text],
          durationMs: 1,
          notes: {
            facts: { [text]: text },
            histories: [outcome === "pass" ? "kept" : text],
            healthCells: [
              { from: text, to: text, path: "host ICMP", state: "ok", detail: text, latencyMs: 1 },
            ],
            measurement: exampleMeasurement({
              scenario: text,
              away: { ...exampleMeasurement().away, outageMs: 5 },
            }),
          },
        })),
      },
    ],
    totals: { pass: 1, fail: 1, unknown: 1, unsupported: 1, skipped: 1, errors: 1 },
    exitCode: 1,
    killMatrix: {
      faults: [
        { name: fault, group: text, does: text, subject: text, durationMs: 1, run: text, errors: [text] },
      ],
      tests: [kill],
      cells: [{ fault, test: kill, state: "killed", outcome: "fail", message: text }],
      survivors: [text],
      unkilled: [text],
    },
  };
};

const phaseOf = (text: string): PhaseRecord => ({
  name: text,
  change: { cluster: text, to: "new" },
  versions: { [text]: text },
  ...{ startMs: 0, durationMs: 1000, measuredMs: 990 },
  disruptions: [
    {
      path: text,
      kind: "dns",
      sent: 2,
      lost: 1,
      lostMs: 1,
      longestGapMs: 1,
      resets: 0,
      outages: [{ afterMs: 1, gapMs: 1, lost: 1, cause: text }],
    },
  ],
  deniedSent: 1,
  leaks: [{ afterMs: 1, from: text, to: text, packets: 1, spanMs: 1 }],
  events: [{ afterMs: 1, what: text }],
  changed: [text],
  suites: [
    {
      ...{ name: text, run: text, tests: { pass: 1 }, failures: [text], accepted: [text], errors: [text] },
      ...{ unsupported: [text], skipped: [text] },
    },
  ],
  rig: [text],
  harness: [text],
  error: text,
});

const certificateOf = (text: string): Certificate => ({
  apiVersion: "meshproof/v2",
  kind: "UpgradeCertificate",
  from: text,
  to: text,
  direction: "forth",
  order: [text],
  verdict: "not certified",
  reasons: [text],
  findings: [{ id: text, grade: "serious", message: text, remedy: text }],
  bounds: [{ moves: text, n: 1, labs: 1, lost: 1, upperShare: 1, text }],
  date: text,
  runId: text,
  command: text,
  harness: text,
  profile: text,
  kernel: text,
  machine: text,
  clusters: [{ name: text, id: 1, kubernetes: text, nodes: [text], nodeImage: text, nodeImageId: text }],
  substitutions: [{ components: [text], what: text }],
  images: [{ version: text, reference: text, id: text }],
  budgets: { upgradeGapMs: 1, upgradeLostMs: 1 },
  features: { phase: text, supported: [text], unsupported: [text], skipped: [text] },
  cycles: [
    {
      ...{ cycle: 1, runId: text, of: 1, date: text, lab: text, order: [text], method: 3 },
      ...{ settingHash: text, sourceHash: text, sourceTree: "clean", durationMs: 1500, measuredMs: 990 },
      verdict: "not certified",
      interruptions: [{ phase: text, startMs: 1000, durationMs: 500 }],
    },
  ],
  leftOut: [{ runId: text, of: 2, why: [text] }],
  phases: [{ cycle: 1, ...phaseOf(text) }],
  suiteWindows: [{ cycle: 1, ...phaseOf(text), startMs: 1500, intervalFactor: 20 }],
});

/** Elements with the names of their attributes. A label of several lines is a `text` with a `tspan` for each. */
const structure = (html: string): string[] =>
  [...parseHTML(html).document.querySelectorAll("*")]
    .map((e) => `${e.localName} ${e.getAttributeNames().sort().join(" ")}`)
    .filter((e) => !/^tspan (x y|dy x)$/.test(e))
    .map((e) => (e === "text transform" ? "text transform y" : e));

const few = { numRuns: 15, examples: [[hostileText]] as [string][] };

describe("HTML", () => {
  test.each([
    ["report", (text: string) => toHtml(runOf(text), new Map([["kept", historyOf(text)]]))],
    ["certificate", (text: string) => certificateHtml(certificateOf(text))],
  ])("%s: a text is text, in elements, attributes and plots", (_name, render) => {
    const plain = structure(render("plain"));
    fc.assert(
      fc.property(textOfOthers, (text) => {
        const html = render(`x${text}`);
        expect(structure(html)).toEqual(plain);
        expect(unseen.exec(html)).toBeNull();
      }),
      few,
    );
  });
});

/** XML reads a line feed in an attribute as a space. */
const inAttribute = (text: string): string => printable(text).replaceAll("\n", " ");

test("junit.xml is XML and holds each text in readable form", () => {
  fc.assert(
    fc.property(textOfOthers, (text) => {
      const xml = toJunit({ ...runOf(text), properties: { [text]: text } });
      expect(unseen.exec(xml)).toBeNull();
      expect(xml.split("\n").filter(isWorkflowCommand)).toEqual([]);
      using document = XmlDocument.fromString(xml);
      expect(document.find("//testcase")).toHaveLength(6);
      expect(document.get("//testcase/failure")?.content).toBe(printable(text));
      expect(document.get("//property/@value")?.content).toBe(inAttribute(text));
      expect(document.get("//testcase[2]/@name")?.content).toBe(inAttribute(`t${text}`));
    }),
    few,
  );
});

/** Without characters escaped by a backslash. */
const unescaped = (line: string): string => line.replace(/\\[!-/:-@[-`{-~]/g, "");

test("the Markdown summary keeps its rows and cells, and no text is markup", () => {
  const plain = toMarkdown(runOf("plain")).split("\n").length;
  fc.assert(
    fc.property(textOfOthers, (text) => {
      const markdown = toMarkdown({ ...runOf(text), command: "npm run mesh -- test" });
      const lines = markdown.split("\n");
      expect(lines).toHaveLength(plain);
      for (const line of lines.filter((l) => l.startsWith("| ")))
        expect(unescaped(line).match(/\|/g)).toHaveLength(5);
      const rest = unescaped(markdown.replace("`npm run mesh -- test`", ""));
      expect(/.{0,20}([`<[\]]|&(?!(lt|amp);))/.exec(rest)?.[0]).toBeUndefined();
      expect(unseen.exec(markdown)).toBeNull();
      expect(lines.filter(isWorkflowCommand)).toEqual([]);
    }),
    few,
  );
});

test("a command is code in Markdown, whatever it contains", () => {
  const reproduced = (command: string): string =>
    toMarkdown({ ...runOf("plain"), command }).split("Reproduce: ")[1] ?? "";
  expect(reproduced("npm run mesh -- test '`id`'")).toBe("``npm run mesh -- test '`id`'``\n");
  expect(reproduced("`a")).toBe("`` `a ``\n");
  expect(reproduced("test 'a\n``` b'")).toBe("\n\n````sh\ntest 'a\n``` b'\n````\n");
});

test("a report shows the same text as a terminal", () => {
  const html = toHtml(runOf("\u001b[31m\u202e"), new Map());
  expect(html).toContain(visible("\u001b[31m\u202e"));
});
