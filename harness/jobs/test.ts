import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { agentsOf } from "#harness/cilium/agent/agent.ts";
import { isKindPlan } from "#harness/config/plan.ts";
import { readYaml, validate } from "#harness/config/yaml-file.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { disturbances } from "#harness/judge/host.ts";
import type { Expectation } from "#harness/judge/kill-matrix.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { monotonicMs, wallLabel } from "#harness/lib/clock.ts";
import { atStep, isUserInterrupt } from "#harness/lib/ending.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { meshproofVersion } from "#harness/lib/meshproof-version.ts";
import { matches } from "#harness/lib/pattern.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { appendToSeries, correctSeries, readSeries } from "#harness/measure/series.ts";
import { figuresOf } from "#harness/model/figures.ts";
import { findingsFormat } from "#harness/model/finding.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import {
  exitCodeOf,
  type RunRecord,
  type SuiteRecord,
  type TestRecord,
  totalsOf,
} from "#harness/model/record.ts";
import { kernelRelease } from "#harness/platform/machine.ts";
import { repoRoot } from "#harness/platform/paths.ts";
import { redactionLines } from "#harness/platform/report-redactions.ts";
import { HostWatch } from "#harness/platform/watch.ts";
import { figureLines } from "#harness/report/figures-text.ts";
import { bootstrapSeed, measurementsOf } from "#harness/report/measurements-html.ts";
import { requireLab } from "#harness/state/lab.ts";
import { withLab } from "#harness/state/lock.ts";
import { consoleOutput } from "#harness/testkit/reporters/console.ts";
import { eventsOutput } from "#harness/testkit/reporters/events.ts";
import { junitOutput } from "#harness/testkit/reporters/junit.ts";
import { RecordReporter } from "#harness/testkit/reporters/records.ts";
import { WriteQueue } from "#harness/testkit/reporters/write-queue.ts";
import { runContextFile, writeRunContext } from "#harness/testkit/run-context.ts";
import { diagnosisFile, reportsDir } from "#harness/testkit/run-dir.ts";
import { runSuites } from "#harness/testkit/run-suites.ts";
import { chooseSuites, type ListedSuite, loadSuites, suiteNames } from "#harness/testkit/suite-list.ts";
import { type RunReport, writeSummaries } from "./run-report.ts";
import { contextOf } from "./test-context.ts";
import { checkTestFiles } from "./test-files.ts";
import { junitProperties, writeReport } from "./write-report.ts";

export interface TestOptions {
  readonly lab: string;
  readonly suites: readonly string[];
  readonly runId: string;
  /** cilium-bugtool's files among the evidence of a failure. */
  readonly bugtool?: boolean;
  /** Where the run's folder goes; `reports/` by default. */
  readonly reportsDir?: string;
  readonly fault?: string;
  /** What the fault is expected to do to each suite: tests that it may break or not are left out. */
  readonly expected?: Readonly<Record<string, Expectation>>;
  readonly summary?: string;
  /** How many times less often the suites' own probers ask, where other traffic stands beside them; 1 by default. */
  readonly probeIntervalFactor?: number;
  /** How often each scenario is measured; in the series, where one is named. */
  readonly repeat?: number;
  readonly series?: string;
  readonly baseline?: string;
  /** Of `run` and `test`: follows the results, and adds what ended the command early. */
  readonly report?: RunReport;
  /** The command that a reader can repeat. */
  readonly command: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs suites against the lab that is up and leaves `reports/<run-id>/`. */
export async function testLab(options: TestOptions): Promise<{ record: RunRecord; dir: string }> {
  const all = await loadSuites();
  chooseSuites(all, options.suites, { suites: [] });
  const chosen = chooseSuites(all, options.suites, (await atStep("lab", () => requireLab(options.lab))).plan);
  if (options.fault !== undefined) faultNamed(options.fault);
  checkTestFiles(options);
  return atStep("lock", () =>
    withLab(options.lab, options.signal, (signal) =>
      atStep("tests", () => testUnderLock({ ...options, signal }, all, chosen)),
    ),
  );
}

async function testUnderLock(
  options: TestOptions,
  all: readonly ListedSuite[],
  chosen: readonly ListedSuite[],
): Promise<{ record: RunRecord; dir: string }> {
  const suites = chosen.map((s) => s.info.name);
  const mesh = await openLab(options.lab, options.say);
  const { state } = mesh;
  const reports = options.reportsDir ?? reportsDir();
  const dir = join(reports, options.runId);
  const startedMs = monotonicMs();
  const base = {
    schema: 1 as const,
    runId: options.runId,
    startedAt: wallLabel(),
    command: options.command,
    lab: options.lab,
    profile: state.plan.profile,
    fault: options.fault ?? null,
    kernel: kernelRelease(),
    meshproof: meshproofVersion,
    imageSource: state.artifacts.source,
    imageReason: state.artifacts.reason,
    clusters: await Promise.all(
      mesh.clusters.map(async (c) => {
        const own = state.artifacts.clusters[c.name]!;
        const [agent] = await agentsOf(c, options.signal);
        return {
          name: c.name,
          id: c.id,
          podCidr: c.podCidr,
          serviceCidr: c.serviceCidr,
          nodes: (await c.nodes()).map((n) => n.name),
          kubernetes: await c.kube.version(),
          cilium: agent === undefined ? own.ciliumVersion : await agent.version(),
          nodeImage: own.nodeImage,
          nodeImageId: own.nodeImageId,
        };
      }),
    ),
    provenance: state.artifacts.provenance,
    budgets: state.plan.budgets,
  };
  const context = await contextOf(mesh, chosen, { ...options, reportsDir: reports });
  const contextFile = runContextFile(options.lab);
  await writeRunContext(contextFile, context);
  // Nodes that are no containers of this machine are no load of it either.
  const here = mesh.clusters.filter((c) => c.capabilities.nodesAreLocal);
  const nodes = (await Promise.all(here.map((c) => c.nodes()))).flat();
  const watch = await HostWatch.start(
    nodes.map((n) => n.name),
    reports,
  );
  const queue = new WriteQueue(options.say);
  const { series } = options;
  const reporter = new RecordReporter({
    suites: chosen,
    clusters: context.clusters,
    repeat: context.repeat,
    outputs: [
      consoleOutput(options.say),
      eventsOutput(dir, queue),
      junitOutput(
        dir,
        { runId: options.runId, startedAt: base.startedAt, properties: junitProperties(base) },
        queue,
        () => options.report?.unfinished() ?? [],
      ),
      ...(series === undefined
        ? []
        : [{ testEnded: (test: TestRecord) => keepInSeries(series, test, options.say) }]),
    ],
    interrupted: () => options.signal.aborted,
    disturbances: (sinceMs, untilMs) => disturbances(watch.samples, state.plan.rig, sinceMs, untilMs),
  });
  options.report?.follow(() => ({
    ...base,
    durationMs: monotonicMs() - startedMs,
    suites: reporter.suites,
    totals: totalsOf(reporter.suites),
    exitCode: 3,
  }));
  // A daemon that is gone takes the lab with it: what is left of the run would only wait.
  const dockerLost = new AbortController();
  watch.onSample = () => {
    const last = watch.samples.slice(-3);
    if (last.length === 3 && last.every((s) => !s.dockerAnswers)) dockerLost.abort();
  };
  try {
    await runSuites({
      files: chosen.map((s) => s.file),
      contextFile,
      reporters: [reporter],
      signal: AbortSignal.any([options.signal, dockerLost.signal]),
    });
  } finally {
    await watch[Symbol.asyncDispose]();
  }
  const inOrder = [...reporter.suites].sort((a, b) => suites.indexOf(a.name) - suites.indexOf(b.name));
  const records = withoutSurprises(inOrder, await readAllowances(), {
    ciliums: base.clusters.map((c) => c.cilium),
    imageSource: base.imageSource,
    profile: base.profile,
    suites: isOurs(state.plan) ? [...suiteNames(all, "core"), ...state.plan.suites] : [],
  });
  const diagnosed = await Promise.all(records.map((r) => withFindings(r, join(dir, "artifacts"))));
  for (const { name, findings } of diagnosed) {
    const [first] = findings ?? [];
    if (first !== undefined)
      options.say(
        `  diagnosis of ${name}: [${first.layer}] ${first.message}\n              next: ${first.next}`,
      );
  }
  if (options.series !== undefined) correctSpoiled(options.series, options.runId, records);
  const totals = totalsOf(records);
  const withRunErrors = {
    ...totals,
    errors: totals.errors + reporter.runErrors.length,
    unknown: totals.unknown + reporter.runUnknowns.length,
  };
  for (const error of reporter.runErrors) options.say(`  ERROR       ${error}`);
  for (const error of reporter.runUnknowns) options.say(`  UNKNOWN     ${error}`);
  const missing = suites.filter(
    (s) => !records.some((r) => r.name === s && (r.tests.length > 0 || r.errors.length > 0)),
  );
  const record: RunRecord = {
    ...base,
    durationMs: monotonicMs() - startedMs,
    suites: diagnosed,
    totals: { ...withRunErrors, unknown: withRunErrors.unknown + missing.length },
    exitCode: 0,
  };
  const judged = {
    ...record,
    exitCode: isUserInterrupt(options.signal) ? 130 : exitCodeOf(record.totals, options.series !== undefined),
  };
  const final = options.report?.withEndings(judged) ?? judged;
  options.report?.tested(final, options.series);
  try {
    for (const line of redactionLines(await writeReport(dir, final))) options.say(line);
  } catch (error) {
    options.say(`the report could not be written: ${messageOf(error)}`);
    const unwritten = { ...final, exitCode: final.exitCode === 0 ? 3 : final.exitCode };
    options.report?.tested(unwritten, options.series);
    return { record: unwritten, dir };
  }
  await writeSummaries(final, options.summary, options.say);
  return { record: final, dir };
}

/** What external clusters, or a mesh of the field, can do is not for our list to say. */
const isOurs = (plan: LabPlan): boolean => !plan.suites.includes("field") && isKindPlan(plan);

/** Some disturbances of the rig show only at the end of a run: what was kept as a figure before is none then. */
function correctSpoiled(series: string, runId: string, suites: readonly SuiteRecord[]): void {
  const spoiled = suites
    .flatMap((s) => s.tests)
    .filter((t) => t.outcome === "unknown" && t.notes.measurement !== undefined)
    .map((t) => t.notes.measurement?.at);
  correctSeries(series, (m) =>
    m.runId === runId && m.outcome !== "unknown" && spoiled.includes(m.at)
      ? { ...m, outcome: "unknown" }
      : undefined,
  );
}

/** As soon as it was judged: a run that is cut off later leaves it there. */
function keepInSeries(
  series: string,
  { name, notes, outcome }: TestRecord,
  say: (line: string) => void,
): void {
  if (notes.measurement === undefined) return;
  if (outcome !== "pass" && outcome !== "fail" && outcome !== "unknown") return;
  try {
    appendToSeries(series, { ...notes.measurement, outcome });
  } catch (error) {
    say(`  the measurement of ${name} was not added to ${series}: ${messageOf(error)}`);
  }
}

/** Adds what `diagnose` said of the evidence, where a test of the suite failed. */
async function withFindings(suite: SuiteRecord, artifacts: string): Promise<SuiteRecord> {
  if (suite.errors.length === 0 && suite.tests.every((t) => t.outcome !== "fail")) return suite;
  const text = await readFile(join(artifacts, suite.name, diagnosisFile), "utf8").catch(() => undefined);
  if (text === undefined) return suite;
  const findings = parseRecord(text, findingsFormat, {
    what: `${diagnosisFile} of suite ${suite.name}`,
    remedy: "run the suite again",
    code: "evidence-malformed",
  });
  return { ...suite, findings };
}

/** The last lines of every run: where the report is, and the counts that CI reads. Unknown counts as failed. */
export function closingLines(record: RunRecord, dir: string, series?: string): string[] {
  const t = record.totals;
  const measured = record.suites.flatMap(measurementsOf);
  const figures = figuresOf(series === undefined ? measured : readSeries(series), bootstrapSeed);
  return [
    ...(figures.length === 0 ? [] : ["", ...figureLines(figures)]),
    "",
    ...record.clusters.map(
      (c) =>
        `${c.name}: Cilium ${c.cilium}, Kubernetes ${c.kubernetes}, ${c.nodes.length} nodes, image ${c.nodeImage}`,
    ),
    ...(record.clusters.length === 0
      ? []
      : [`kernel ${record.kernel}, images from ${record.imageSource} (${record.imageReason})`]),
    `report: ${join(dir, "report.html")}  junit: ${join(dir, "junit.xml")}`,
    `${t.pass} pass, ${t.fail} fail, ${t.unknown} unknown, ${t.unsupported} unsupported, ${t.skipped} skipped, ${t.errors} set-up errors`,
    `${t.pass} passed, ${t.fail + t.unknown + t.errors} failed`,
  ];
}

const allowanceSchema = z.array(
  z.strictObject({
    suite: z.string(),
    test: z.string(),
    cilium: z.string(),
    imageSource: z.string(),
    profile: z.string().default("*"),
    why: z.string(),
  }),
);

/** What it may hang on whether a capability is there. */
interface Conditions {
  readonly ciliums: readonly string[];
  readonly imageSource: string;
  readonly profile: string;
  /** What the lab is made for. */
  readonly suites: readonly string[];
}

/**
 * An `unsupported` that `suites/unsupported.yaml` does not allow becomes a failure. A suite that the lab was not made for
 * may find that it is not.
 */
export function withoutSurprises(
  suites: readonly SuiteRecord[],
  allowances: z.infer<typeof allowanceSchema>,
  { ciliums, imageSource, profile, suites: own }: Conditions,
): SuiteRecord[] {
  const allowed = (test: TestRecord): boolean =>
    !own.includes(test.suite) ||
    allowances.some(
      (a) =>
        a.suite === test.suite &&
        matches(a.test, test.name) &&
        matches(a.imageSource, imageSource) &&
        matches(a.profile, profile) &&
        // A mesh can do what all of its clusters can.
        ciliums.some((c) => matches(a.cilium, c)),
    );
  return suites.map((suite) => ({
    ...suite,
    tests: suite.tests.map((test) =>
      test.outcome !== "unsupported" || allowed(test)
        ? test
        : {
            ...test,
            outcome: "fail" as const,
            reasons: [
              `unsupported, and suites/unsupported.yaml does not allow it: ${test.reasons.join("; ")}`,
            ],
          },
    ),
  }));
}

async function readAllowances(): Promise<z.infer<typeof allowanceSchema>> {
  const file = join(repoRoot(), "suites/unsupported.yaml");
  return validate(
    allowanceSchema,
    await readYaml(file, "what may be unsupported"),
    file,
    "see the other entries of the file",
  );
}
