import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import type { LabPlan } from "#harness/config/plan.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { disturbances } from "#harness/judge/host.ts";
import type { Expectation } from "#harness/judge/kill-matrix.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { atStep, isUserInterrupt } from "#harness/lib/ending.ts";
import { messageOf } from "#harness/lib/errors.ts";
import type { Finding } from "#harness/model/finding.ts";
import {
  exitCodeOf,
  type RunRecord,
  type SuiteRecord,
  type TestRecord,
  totalsOf,
} from "#harness/model/record.ts";
import type { RunContext } from "#harness/model/run-context.ts";
import { redactionLines } from "#harness/platform/report-redactions.ts";
import { HostWatch } from "#harness/platform/watch.ts";
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
import { correctSeries, keepInSeries } from "./keep-series.ts";
import { type RunHead, runHead } from "./run-head.ts";
import { type RunReport, writeSummaries } from "./run-report.ts";
import { contextOf } from "./test-context.ts";
import { checkTestFiles } from "./test-files.ts";
import { readAllowances, withoutSurprises } from "./unsupported.ts";
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

/** The parts of a run that its steps share. */
interface Run {
  readonly options: TestOptions;
  readonly all: readonly ListedSuite[];
  readonly chosen: readonly ListedSuite[];
  readonly mesh: Mesh;
  readonly head: RunHead;
  /** The run's own folder. */
  readonly dir: string;
  readonly watch: HostWatch;
}

async function testUnderLock(
  options: TestOptions,
  all: readonly ListedSuite[],
  chosen: readonly ListedSuite[],
): Promise<{ record: RunRecord; dir: string }> {
  const mesh = await openLab(options.lab, options.say);
  const reports = options.reportsDir ?? reportsDir();
  const dir = join(reports, options.runId);
  const startedMs = monotonicMs();
  const head = await runHead(mesh, options);
  const context = await contextOf(mesh, chosen, { ...options, reportsDir: reports });
  const contextFile = runContextFile(options.lab);
  await writeRunContext(contextFile, context);
  const watch = await watchMachine(mesh, reports);
  const run: Run = { options, all, chosen, mesh, head, dir, watch };
  const reporter = reporterOf(run, context);
  options.report?.follow(() => ({
    ...head,
    durationMs: monotonicMs() - startedMs,
    suites: reporter.suites,
    totals: totalsOf(reporter.suites),
    exitCode: 3,
  }));
  try {
    await runSuites({
      files: chosen.map((s) => s.file),
      contextFile,
      reporters: [reporter],
      signal: AbortSignal.any([options.signal, dockerLost(watch)]),
    });
  } finally {
    await watch[Symbol.asyncDispose]();
  }
  const results = await resultsOf(run, reporter);
  return leaveReport(options, dir, { ...head, durationMs: monotonicMs() - startedMs, ...results });
}

async function watchMachine(mesh: Mesh, reports: string): Promise<HostWatch> {
  // Nodes that are no containers of this machine are no load of it either.
  const here = mesh.clusters.filter((c) => c.onThisMachine);
  const nodes = (await Promise.all(here.map((c) => c.nodes()))).flat();
  return HostWatch.start(
    nodes.map((n) => n.name),
    reports,
  );
}

/** A daemon that is gone takes the lab with it: what is left of the run would only wait. */
function dockerLost(watch: HostWatch): AbortSignal {
  const lost = new AbortController();
  watch.onSample = () => {
    const last = watch.samples.slice(-3);
    if (last.length === 3 && last.every((s) => !s.dockerAnswers)) lost.abort();
  };
  return lost.signal;
}

function reporterOf({ options, chosen, mesh, head, dir, watch }: Run, context: RunContext): RecordReporter {
  const queue = new WriteQueue(options.say);
  const { series } = options;
  return new RecordReporter({
    suites: chosen,
    clusters: context.clusters,
    repeat: context.repeat,
    outputs: [
      consoleOutput(options.say),
      eventsOutput(dir, queue),
      junitOutput(
        dir,
        { runId: options.runId, startedAt: head.startedAt, properties: junitProperties(head) },
        queue,
        () => options.report?.unfinished() ?? [],
      ),
      ...(series === undefined
        ? []
        : [{ testEnded: (test: TestRecord) => keepInSeries(series, test, options.say) }]),
    ],
    interrupted: () => options.signal.aborted,
    disturbances: (sinceMs, untilMs) => disturbances(watch.samples, mesh.state.plan.rig, sinceMs, untilMs),
  });
}

/** The suites as they are judged once all is over, and the totals by them. */
async function resultsOf(
  { options, all, chosen, mesh, head, dir }: Run,
  reporter: RecordReporter,
): Promise<Pick<RunRecord, "suites" | "totals">> {
  const { plan } = mesh.state;
  const names = chosen.map((s) => s.info.name);
  const inOrder = [...reporter.suites].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  const records = withoutSurprises(inOrder, await readAllowances(), {
    ciliums: head.clusters.map((c) => c.cilium),
    imageSource: head.imageSource,
    profile: head.profile,
    suites: isOurs(plan) ? [...suiteNames(all, "core"), ...plan.suites] : [],
  });
  const suites = await Promise.all(records.map((r) => withFindings(r, join(dir, "artifacts"))));
  for (const { name, findings } of suites) {
    const [first] = findings ?? [];
    if (first !== undefined)
      options.say(
        `  diagnosis of ${name}: [${first.layer}] ${first.message}\n              next: ${first.next}`,
      );
  }
  if (options.series !== undefined) correctSeries(options.series, options.runId, records);
  for (const error of reporter.runErrors) options.say(`  ERROR       ${error}`);
  for (const error of reporter.runUnknowns) options.say(`  UNKNOWN     ${error}`);
  const missing = names.filter(
    (s) => !records.some((r) => r.name === s && (r.tests.length > 0 || r.errors.length > 0)),
  );
  const totals = totalsOf(records);
  return {
    suites,
    totals: {
      ...totals,
      errors: totals.errors + reporter.runErrors.length,
      unknown: totals.unknown + reporter.runUnknowns.length + missing.length,
    },
  };
}

async function leaveReport(
  options: TestOptions,
  dir: string,
  record: Omit<RunRecord, "exitCode">,
): Promise<{ record: RunRecord; dir: string }> {
  const byTests = exitCodeOf(record.totals, options.series !== undefined);
  const judged: RunRecord = { ...record, exitCode: isUserInterrupt(options.signal) ? 130 : byTests };
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

/** What clusters of one's own, or a mesh of the field, can do is not for our list to say. */
const isOurs = (plan: LabPlan): boolean =>
  !plan.suites.includes("field") && plan.clusters.every((c) => c.own === undefined);

/** Adds what `diagnose` said of the evidence, where a test of the suite failed. */
async function withFindings(suite: SuiteRecord, artifacts: string): Promise<SuiteRecord> {
  if (suite.errors.length === 0 && suite.tests.every((t) => t.outcome !== "fail")) return suite;
  const text = await readFile(join(artifacts, suite.name, diagnosisFile), "utf8").catch(() => undefined);
  return text === undefined ? suite : { ...suite, findings: JSON.parse(text) as Finding[] };
}
