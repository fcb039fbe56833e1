import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { checkRecord } from "#harness/lib/records.ts";
import { certificateFormat } from "#harness/model/certificate.ts";
import { exampleCycle, exampleDisruption, examplePhase } from "#harness/model/certificate-examples.ts";
import { certificateHtml } from "#harness/report/certificate-html.ts";
import { certificateOf, featuresOf } from "./certificate-of.ts";
import { certificateYaml } from "./write-certificate.ts";

const options = { direction: "forth", runId: "r", command: "c", leftOut: [] } as const;
const five = [1, 2, 3, 4, 5].map((n) => exampleCycle(n));

test("a certificate and its page name the substitutions of both versions", () => {
  const substitutions = [
    { components: ["cilium 1.19.7", "cilium 1.20.2"], what: "a is refused" },
    { components: ["cilium 1.20.2"], what: "b is refused" },
  ];
  const certificate = certificateOf(
    five.map((c) => ({ ...c, substitutions })),
    options,
  );
  expect(certificate.substitutions).toEqual(substitutions);
  const page = certificateHtml(certificate);
  expect(page).toContain("cilium 1.19.7, cilium 1.20.2: a is refused");
  expect(page).toContain("cilium 1.20.2: b is refused");
});

test("five cycles in which nothing was lost are certified, with a bound for all moves and for each", () => {
  const c = certificateOf(five, options);
  expect(c).toMatchObject({ from: "1.19.7", to: "1.20.2", verdict: "certified", reasons: [], findings: [] });
  expect(c.bounds.map((b) => [b.moves, b.n, b.labs, b.text])).toEqual([
    [
      "all to 1.20.2",
      10,
      5,
      "no loss in 10 moves: fewer than 26 % of moves lose something, at 95 %, in these labs",
    ],
    ["upgrade east first", 5, 5, "no loss in 5 moves: fewer than 46 % of moves lose something, at 95 %"],
    ["upgrade west last", 5, 5, "no loss in 5 moves: fewer than 46 % of moves lose something, at 95 %"],
  ]);
  expect(c.cycles[0]).toMatchObject({ cycle: 1, durationMs: 9 * 120_000, measuredMs: 9 * 120_000 });
});

test("the certificate of the opposite move is from the same cycles, with its own findings and bounds", () => {
  const finding = { id: "setting-changed", grade: "caution", message: "only back" } as const;
  const cycles = five.map((c) => ({ ...c, findings: { forth: [], back: [finding] } }));
  expect(certificateOf(cycles, options).findings).toEqual([]);
  const back = certificateOf(cycles, { ...options, direction: "back" });
  expect(back).toMatchObject({ from: "1.20.2", to: "1.19.7", verdict: "certified with findings" });
  expect(back.findings).toEqual([finding]);
  expect(back.bounds.map((b) => b.moves)).toEqual([
    "all to 1.19.7",
    "roll back west first",
    "roll back east last",
  ]);
});

test("a loss in one cycle is in the bound, and in a finding that says in how many cycles", () => {
  const cycles = five.map((c, i) => ({
    ...c,
    phases: c.phases.map((p) =>
      i === 2 && p.name === "upgrade east first"
        ? { ...p, disruptions: [exampleDisruption({ lost: 3, lostMs: 600, longestGapMs: 700 })] }
        : p,
    ),
  }));
  const c = certificateOf(cycles, options);
  expect(c.verdict).toBe("certified with findings");
  expect(c.findings.map((f) => f.message)).toEqual([
    "upgrade east first: east: names: 3 of 600 lost, 700 ms at most; in 1 of 5 cycles",
  ]);
  expect(c.bounds[1]?.text).toBe("a loss in 1 of 5 moves: fewer than 66 % of moves lose something, at 95 %");
});

test("too few cycles are a finding; an interruption is one that changes no verdict", () => {
  const few = certificateOf(five.slice(0, 2), options);
  expect(few.findings.map((f) => f.id)).toEqual(["few-cycles"]);
  expect(few.verdict).toBe("certified with findings");
  const interruptions = [{ phase: "upgrade east first", startMs: 420_000, durationMs: 60_000 }];
  const resumed = certificateOf(
    five.map((c, i) => (i === 1 ? { ...c, interruptions } : c)),
    options,
  );
  expect(resumed.verdict).toBe("certified");
  expect(resumed.findings.map((f) => f.id)).toEqual(["interrupted"]);
  expect(resumed.cycles[1]?.durationMs).toBe(9 * 120_000 + 60_000);
});

test("cycles that differ in their sources make the result unknown", () => {
  const c = certificateOf([...five.slice(0, 4), exampleCycle(5, { sourceHash: "x" })], options);
  expect(c.verdict).toBe("unknown");
  expect(c.reasons.join()).toContain("cycle 5 of r: its sources have the hash x");
});

test("the file is read back unchanged; a path takes one line", () => {
  const certificate = certificateOf(five, options);
  const yaml = certificateYaml(certificate);
  const value: unknown = parseYaml(yaml);
  expect(value).toEqual(JSON.parse(JSON.stringify(certificate)));
  expect(checkRecord(value, certificateFormat, { what: "x", remedy: "y" })).toEqual(certificate);
  expect(yaml.split("\n").length).toBeLessThan(2500);
});

test("features are those of the last phase that ran the most suites; unknown is not supported", () => {
  const suite = (name: string, tests: Record<string, number>, unsupported: string[] = []) => ({
    ...{ name, run: "r", tests, failures: [], accepted: [], errors: [], unsupported, skipped: [] },
  });
  const phase = (name: string, suites: ReturnType<typeof suite>[], version = "1.20.2") =>
    examplePhase({ name, suites, versions: { east: version, west: version } });
  expect(
    featuresOf(
      [
        phase("baseline", [suite("policy", { pass: 1 }), suite("kvstore", { pass: 1 })], "1.19.7"),
        phase("new version", [
          suite("policy", { pass: 1, unsupported: 1 }, ["t: why"]),
          suite("kvstore", { pass: 1, unknown: 1 }),
        ]),
        phase("after", [suite("policy", { pass: 1 })]),
        phase("old again", [suite("policy", { fail: 1 }), suite("kvstore", { fail: 1 })], "1.19.7"),
      ],
      "1.20.2",
    ),
  ).toEqual({ phase: "new version", supported: ["policy"], unsupported: ["policy: t: why"], skipped: [] });
  expect(featuresOf([], "1.20.2").phase).toBe("none");
});
