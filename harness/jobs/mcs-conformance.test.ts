import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { tempFolder } from "#harness/lib/temp-folder.ts";
import { checkConformance, conformanceSuite, runConformance, suiteOf } from "./mcs-conformance.ts";

const dir = tempFolder("mcs-conformance");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A program in place of the conformance programme. */
function program(name: string, script: string): string {
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const clusters = [
  { context: "kind-east", kubeconfig: "/k/east" },
  { context: "kind-west", kubeconfig: "/k/west" },
];

const run = (file: string) =>
  runConformance({
    file,
    clusters,
    dir: join(dir, "run"),
    say: () => {},
    signal: new AbortController().signal,
  });

test("what cannot be run is refused with the exit code of bad input", () => {
  const plain = join(dir, "plain");
  writeFileSync(plain, "text");
  for (const file of [join(dir, "missing"), dir])
    expect(() => checkConformance(file)).toThrow(expect.objectContaining({ code: "config-invalid" }));
  chmodSync(plain, 0o644);
  expect(() => checkConformance(plain)).toThrow(/is no executable.*/);
  expect(() => checkConformance(program("good", "exit 0"))).not.toThrow();
});

test("the program gets the contexts and kubeconfigs, and its results and files are kept", async () => {
  const suite = await run(
    program(
      "fake",
      `echo "$@ in $KUBECONFIG"
for a in "$@"; do case "$a" in -ginkgo.junit-report=*) out="\${a#*=}";; esac; done
cat > "$out" <<XML
<testsuites><testsuite name="MCS"><testcase name="[BeforeSuite]" time="0"/><testcase name="[It] imports [Required]" time="1"/>
<testcase name="[It] slices [Optional, EndpointSlice]" time="1"><failure message="none"/></testcase>
<testcase name="[It] type [Required]" time="1"><failure message="wrong"/></testcase></testsuite></testsuites>
XML
echo "<html/>" > report.html
exit 1`,
    ),
  );
  expect(suite.errors).toEqual([]);
  expect(suite.tests.map((t) => [t.name, t.outcome, t.reasons])).toEqual([
    ["imports [Required]", "pass", []],
    ["slices [Optional, EndpointSlice]", "unsupported", ["none"]],
    ["type [Required]", "fail", ["wrong"]],
  ]);
  const kept = join(dir, "run/artifacts", conformanceSuite);
  expect(readFileSync(join(kept, "output.log"), "utf8")).toMatch(
    /-contexts kind-east,kind-west .*in \/k\/east:\/k\/west/,
  );
  expect(existsSync(join(kept, "report.html"))).toBe(true);
});

describe("a program that judged nothing is an error", () => {
  test("without a JUnit file", async () => {
    const { tests, errors } = await run(program("broken", "exit 2"));
    expect(tests).toEqual([]);
    expect(errors).toEqual([expect.stringMatching(/ended with code 2 and no JUnit file/)]);
  });

  test("without a test, with only skipped ones, or failed without a failed test", () => {
    const of = (cases: string): string => `<testsuites><testsuite name="s">${cases}</testsuite></testsuites>`;
    expect(suiteOf(of(""), 0).errors).toHaveLength(1);
    expect(suiteOf(of(`<testcase name="[It] a"><skipped message="one"/></testcase>`), 0).errors).toHaveLength(
      1,
    );
    expect(suiteOf(of(`<testcase name="[It] a"/>`), 1).errors).toEqual([
      expect.stringMatching(/code 1, but no test failed/),
    ]);
    expect(suiteOf("no XML", 0).errors).toHaveLength(1);
    expect(suiteOf(of(`<testcase name="[It] a"/>`), 0).errors).toEqual([]);
  });
});
