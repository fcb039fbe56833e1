import { accessSync, constants, statSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { monotonicMs } from "#harness/lib/clock.ts";
import { MeshproofError, messageOf } from "#harness/lib/errors.ts";
import type { SuiteRecord, TestRecord } from "#harness/model/record.ts";
import { command } from "#harness/platform/command.ts";
import { writeReportFile } from "#harness/platform/report-files.ts";
import { type JunitCase, readJunit } from "#harness/report/read-junit.ts";

/** Its suite in reports and in `suites/unsupported.yaml`. */
export const conformanceSuite = "mcs-conformance";

/** How the program reaches a cluster. */
interface Target {
  readonly context: string;
  readonly kubeconfig: string;
}

/** Throws `config-invalid` if the file of `--mcs-conformance` cannot be run. */
export function checkConformance(file: string): void {
  try {
    if (!statSync(file).isFile()) throw new Error("it is no file");
    accessSync(file, constants.X_OK);
  } catch (error) {
    throw new MeshproofError(
      "config-invalid",
      `${file} (--mcs-conformance) is no executable: ${messageOf(error)}`,
      {
        cause: error,
        remedy:
          "name the test binary of MCS-API's conformance programme: `go test -c -o FILE .` in its folder conformance",
      },
    );
  }
}

/**
 * Runs the conformance programme of MCS-API, a Ginkgo test binary, on the clusters, and keeps its files under
 * `artifacts/mcs-conformance`. A program that ends without a JUnit file, or fails without a failed test, is an error of
 * the suite.
 */
export async function runConformance(options: {
  readonly file: string;
  readonly clusters: readonly Target[];
  /** The run's folder. */
  readonly dir: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<SuiteRecord> {
  const { file, clusters, say, signal } = options;
  const startedMs = monotonicMs();
  say(`${conformanceSuite}: ${file}`);
  const work = await mkdtemp(join(tmpdir(), "meshproof-mcs-"));
  try {
    const junit = join(work, "junit.xml");
    const ended = await command(
      resolve(file),
      [
        "-contexts",
        clusters.map((c) => c.context).join(","),
        "-ginkgo.no-color",
        `-ginkgo.junit-report=${junit}`,
      ],
      {
        cwd: work,
        signal,
        tolerate: true,
        // It merges several kubeconfigs only from the environment. Cilium's build of it runs only on request.
        env: {
          KUBECONFIG: [...new Set(clusters.map((c) => resolve(c.kubeconfig)))].join(delimiter),
          MCS_API_CONFORMANCE_TESTS: "1",
        },
      },
    );
    const kept = await keepFiles(work, join(options.dir, "artifacts", conformanceSuite), ended);
    const suite = { ...suiteOf(kept, ended.exitCode), durationMs: monotonicMs() - startedMs };
    for (const { name, outcome, reasons } of suite.tests)
      say(`  ${outcome.padEnd(11)} ${name} ${reasons.join("; ")}`);
    for (const error of suite.errors) say(`  ERROR       ${error}`);
    return suite;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Copies what the program left into the report; returns its JUnit file. */
async function keepFiles(
  work: string,
  kept: string,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): Promise<string | undefined> {
  await writeReportFile(join(kept, "output.log"), `${stdout}\n${stderr}`);
  let junit: string | undefined;
  for (const name of ["junit.xml", "report.html", "report.yaml"]) {
    const text = await readFile(join(work, name), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    await writeReportFile(join(kept, name), text);
    if (name === "junit.xml") junit = text;
  }
  return junit;
}

/** The program's results as a suite. */
export function suiteOf(junit: string | undefined, exitCode: number): Omit<SuiteRecord, "durationMs"> {
  const suite = {
    name: conformanceSuite,
    goal: "The conformance programme of the Multi-Cluster Services API passes.",
    method: "Runs the program that the user names with --mcs-conformance, and takes over its results.",
    failureMeans: "Cilium's operator, which imports services, or CoreDNS.",
    tags: ["services"],
  };
  const log = `see artifacts/${conformanceSuite}/output.log`;
  if (junit === undefined)
    return {
      ...suite,
      tests: [],
      errors: [`the program ended with code ${exitCode} and no JUnit file; ${log}`],
    };
  let cases: JunitCase[];
  try {
    cases = readJunit(junit);
  } catch (error) {
    return { ...suite, tests: [], errors: [`its JUnit file cannot be read: ${messageOf(error)}`] };
  }
  // Ginkgo lists its set-up and its reporting as cases too; only a failed one matters.
  const tests = cases.filter((c) => c.name.startsWith("[It]") || c.state === "failed").map(testOf);
  const failed = cases.some((c) => c.state === "failed");
  return {
    ...suite,
    tests,
    errors: [
      ...(tests.some((t) => t.outcome !== "skipped") ? [] : [`the program ran no test; ${log}`]),
      ...(exitCode !== 0 && !failed
        ? [`the program ended with code ${exitCode}, but no test failed; ${log}`]
        : []),
    ],
  };
}

/** A failed optional test is `unsupported`, which `suites/unsupported.yaml` must allow. */
function testOf({ name, state, message, durationMs }: JunitCase): TestRecord {
  const optional = /\[[^\]]*\bOptional\b[^\]]*\]$/.test(name);
  const reason = message === "" ? "it gives no reason" : message;
  const test = { suite: conformanceSuite, name: name.replace(/^\[It\]\s*/, ""), durationMs };
  if (state === "passed") return { ...test, outcome: "pass", reasons: [], notes: {} };
  if (state === "skipped")
    return { ...test, outcome: "skipped", reasons: [reason], notes: { skipped: reason } };
  if (optional)
    return {
      ...test,
      outcome: "unsupported",
      reasons: [reason],
      notes: { unsupported: { capability: "an optional point of MCS-API", reason } },
    };
  return { ...test, outcome: "fail", reasons: [reason], notes: {} };
}
