import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { exampleCycle, examplePhase } from "#harness/model/certificate-examples.ts";
import { certificateLines, certifyExitCode } from "./index.ts";
import { writeCertificates } from "./write-certificate.ts";

const five = [1, 2, 3, 4, 5].map((n) => exampleCycle(n));

const written = async (cycles = five) => {
  const dir = join(tempFolder("certificate"), "run");
  const options = { dir, runId: "run", command: "c", say: () => {} };
  return { dir, certified: await writeCertificates({ cycles, leftOut: [] }, options) };
};

test("a run leaves certificates of both directions with their pages, and JUnit with a case for each phase", async () => {
  const { dir } = await written();
  expect(readdirSync(dir).sort()).toEqual([
    ...["certificate.html", "certificate.yaml", "junit.xml", "reverse.html", "reverse.yaml"],
  ]);
  expect(readlinkSync(join(dir, "../latest"))).toBe(basename(dir));
  const junit = readFileSync(join(dir, "junit.xml"), "utf8");
  expect(junit.match(/<testcase /g)).toHaveLength(5 * 9 + 1);
  expect(junit).toContain("cycle 1, suites, baseline");
});

test("without a way back there is one certificate", async () => {
  const { dir, certified } = await written(
    five.map((c) => ({ ...c, phases: c.phases.filter((p) => p.change?.to !== "old") })),
  );
  expect(certified.reverse).toBeUndefined();
  expect(readdirSync(dir)).not.toContain("reverse.yaml");
});

test("the closing lines name both verdicts, the bound and the counts of phases", async () => {
  const { certified } = await written();
  const lines = certificateLines(certified);
  expect(lines).toContain("Cilium 1.19.7 to 1.20.2: certified (5 cycles)");
  expect(lines).toContain("Cilium 1.20.2 to 1.19.7, from the same cycles: certified");
  expect(lines.join("\n")).toContain("no loss in 10 moves: fewer than 26 % of moves lose something");
  expect(lines.at(-1)).toBe("46 passed, 0 failed");
});

test("a finding of the given grade is a failure; a missing certificate is unknown", async () => {
  const { certified } = await written(five.slice(0, 1));
  const { certificate } = certified;
  expect(certificate.findings.map((f) => f.grade)).toEqual(["caution"]);
  expect(certifyExitCode([certificate])).toBe(0);
  expect(certifyExitCode([certificate], "caution")).toBe(1);
  expect(certifyExitCode([certificate], "serious")).toBe(0);
  expect(certifyExitCode([undefined], "serious")).toBe(3);
  const broken = await written([exampleCycle(1, { phases: [examplePhase({ harness: ["x"] })] })]);
  expect(certifyExitCode([broken.certified.certificate])).toBe(3);
});
