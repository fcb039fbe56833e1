import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mesh } from "#harness/cluster/mesh.ts";
import { faultNamed } from "#harness/faults/index.ts";
import { disturbances, unsampled } from "#harness/judge/host.ts";
import type { Expectation } from "#harness/judge/kill-matrix.ts";
import { unusedOf } from "#harness/judge/known-defects.ts";
import { openLab } from "#harness/lab/open-lab.ts";
import { monotonicMs } from "#harness/lib/clock.ts";
import { atStep, isUserInterrupt } from "#harness/lib/ending.ts";
import { messageOf } from "#harness/lib/errors.ts";
import { given } from "#harness/lib/given.ts";
import { parseRecord } from "#harness/lib/records.ts";
import { meshCommand } from "#harness/lib/shell-quote.ts";
import { findingsFormat } from "#harness/model/finding.ts";
import type { KnownDefect } from "#harness/model/known-defect.ts";
import type { LabPlan } from "#harness/model/lab-plan.ts";
import {
  countsAsFailure,
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
import type { RunOutput } from "#harness/testkit/reporters/records.ts";
import { RecordReporter } from "#harness/testkit/reporters/records.ts";
import { WriteQueue } from "#harness/testkit/reporters/write-queue.ts";
import { runContextFile, writeRunContext } from "#harness/testkit/run-context.ts";
import { diagnosisFile, reportsDir, runFolder } from "#harness/testkit/run-dir.ts";
import { runSuites } from "#harness/testkit/run-suites.ts";
import { type Selected, type Selection, select, withoutCount } from "#harness/testkit/selection.ts";
import { byFolder, chooseSuites, type ListedSuite, loadAllSuites } from "#harness/testkit/suite-list.ts";
import { failedOf, requireSameLab, requireSameVersions } from "./failed-of.ts";
import { acceptedTitles, type FinalVerdict, finalVerdict, knownDefects } from "./final-verdict.ts";
import { correctSpoiled, keepInSeries } from "./keep-series.ts";
import { runConformance } from "./mcs-conformance.ts";
import { pauseOnFail, requireTerminal, signalOfFailure } from "./pause-on-fail.ts";
import { type RunHead, runHead } from "./run-head.ts";
import { type RunReport, writeSummaries } from "./run-report.ts";
import { contextOf } from "./test-context.ts";
import { checkTestFiles } from "./test-files.ts";
import { junitProperties, readRun, writeReport } from "./write-report.ts";

/** A command that tests the same clusters, or clusters made alike, and its options. */
export interface Again {
  readonly command: "run" | "test";
  readonly options: readonly string[];
}

export interface TestOptions {
  readonly lab: string;
  readonly suites: readonly string[];
  readonly runId: string;
  /** Whether evidence of a failure includes cilium-bugtool's files. */
  readonly bugtool?: boolean;
  /** Parent of the run's folder; `reports/` by default. */
  readonly reportsDir?: string;
  readonly fault?: string;
  /** Expected effect of the fault on each suite: tests in `mayFail` are left out. */
  readonly expected?: Readonly<Record<string, Expectation>>;
  /** With `expected`: those run all the same. */
  readonly includeEither?: boolean;
  readonly summary?: string;
  /** Factor for the interval of the suites' probers, if other traffic runs at the same time; 1 by default. */
  readonly probeIntervalFactor?: number;
  /** How often each scenario is measured; counted in the series, if there is one. */
  readonly repeat?: number;
  readonly selection?: Selection;
  /** A run whose failures are repeated: its id, `latest`, or the path of its folder. */
  readonly rerunFailed?: string;
  /** Folder of additional suites. */
  readonly suitesDir?: string;
  /** Failures that count as none: ids of known defects, or `suite > test`. */
  readonly accept?: readonly string[];
  readonly failFast?: boolean;
  readonly pauseOnFail?: boolean;
  /** How a command line reaches these clusters once this one has ended; `test --lab NAME` by default. */
  readonly again?: Again;
  readonly series?: string;
  readonly baseline?: string;
  /** Further outputs of the run; `stop` ends it as `--fail-fast` does. */
  readonly outputs?: (stop: () => void) => readonly RunOutput[];
  /** The conformance programme of MCS-API, which runs after the suites. */
  readonly mcsConformance?: string;
  /** Set by `run` and `test`: collects the results, and adds what ended the command early. */
  readonly report?: RunReport;
  /** A command line that reproduces the run. */
  readonly command: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs suites against the running lab and writes `reports/<run-id>/`. */
export async function testLab(options: TestOptions): Promise<{ record: RunRecord; dir: string }> {
  if (options.pauseOnFail === true) requireTerminal();
  const all = await loadAllSuites(options.suitesDir);
  chooseSuites(all, options.suites, { suites: [] });
  // Before the lab is looked for: nobody should create one for a command line that is wrong anyway.
  const earlier = await earlierRun(options);
  if (options.fault !== undefined) faultNamed(options.fault);
  checkTestFiles(options);
  const { plan } = await atStep("lab", () => requireLab(options.lab));
  const selected = selectFor(options, all, plan, earlier);
  const defects = await knownDefects(options, all, plan);
  return atStep("lock", () =>
    withLab(options.lab, options.signal, (signal) =>
      atStep("tests", () => testUnderLock({ ...options, signal }, { all, selected, earlier, defects })),
    ),
  );
}

interface Chosen {
  readonly all: readonly ListedSuite[];
  readonly defects: readonly KnownDefect[];
  readonly selected: Selected;
  readonly earlier: RunRecord | undefined;
}

/** The run that `--rerun-failed` names. */
export async function earlierRun({
  rerunFailed,
  lab,
}: Pick<TestOptions, "rerunFailed" | "lab">): Promise<RunRecord | undefined> {
  if (rerunFailed === undefined) return undefined;
  const run = await readRun(runFolder(rerunFailed));
  requireSameLab(run, lab);
  return run;
}

/** The tests that a command selects from the suites that it or the lab names. */
export function selectFor(
  { suites, selection, repeat }: Pick<TestOptions, "suites" | "selection" | "repeat">,
  all: readonly ListedSuite[],
  plan: Pick<LabPlan, "suites" | "clusters">,
  earlier?: RunRecord,
): Selected {
  const only = earlier === undefined ? undefined : failedOf(earlier, new Set(all.map((s) => s.info.name)));
  const named = suites.length > 0 || only === undefined ? suites : [...new Set(only.map((o) => o.suite))];
  const chosen = chooseSuites(all, named, plan, selection?.tags);
  const options = { clusters: plan.clusters.map((c) => c.name), repeat: repeat ?? 1 };
  return select(chosen, { ...selection, ...given({ only }) }, options);
}

/** Next steps after a failure: repeat only the test, and read the evidence. */
export function nextSteps(
  options: Pick<TestOptions, "lab" | "again" | "fault" | "suitesDir" | "baseline" | "bugtool">,
  dir: string,
  { suite, name }: Pick<TestRecord, "suite" | "name">,
): string[] {
  const { fault, suitesDir, baseline, bugtool } = options;
  const { again = { command: "test", options: ["--lab", options.lab] } } = options;
  const more = [
    ...(fault === undefined ? [] : ["--with-fault", fault]),
    ...(suitesDir === undefined ? [] : ["--suites-dir", suitesDir]),
    ...(baseline === undefined ? [] : ["--baseline", baseline]),
    ...(bugtool === true ? ["--bugtool"] : []),
  ];
  const words = [again.command, suite, "--test", withoutCount(name), ...again.options, ...more];
  return [`repeat:   ${meshCommand(...words)}`, `evidence: ${join(dir, "artifacts", suite)}`];
}

/** Ends a run at its first failure. */
const failFastOutput = (failed: AbortController): RunOutput => ({
  testEnded(test) {
    if (countsAsFailure(test)) failed.abort();
  },
  suiteEnded({ errors }) {
    if (errors.length > 0) failed.abort();
  },
});

/** Shared by the steps of a run. */
interface Run {
  readonly options: TestOptions;
  readonly verdict: FinalVerdict;
  readonly chosen: readonly ListedSuite[];
  readonly mesh: Mesh;
  readonly head: RunHead;
  /** The run's folder. */
  readonly dir: string;
  readonly watch: HostWatch;
  /** With `--fail-fast`, aborted by the first failure. */
  readonly failed: AbortController;
}

async function testUnderLock(
  options: TestOptions,
  { all, selected, earlier, defects }: Chosen,
): Promise<{ record: RunRecord; dir: string }> {
  const mesh = await openLab(options.lab, options.say);
  const reports = options.reportsDir ?? reportsDir();
  const dir = join(reports, options.runId);
  const startedMs = monotonicMs();
  const head = await runHead(mesh, options);
  if (earlier !== undefined) requireSameVersions(earlier, head.clusters);
  const chosen = selected.suites;
  const verdict = await finalVerdict(options, all, defects, { mesh, head });
  const context = await contextOf(mesh, chosen, {
    ...options,
    reportsDir: reports,
    selected: selected.tests,
    accepted: acceptedTitles(
      chosen,
      mesh.clusters.map((c) => c.name),
      verdict,
    ),
  });
  const contextFile = runContextFile(options.lab);
  await writeRunContext(contextFile, context);
  const watch = await watchMachine(mesh, reports);
  const failed = new AbortController();
  const run: Run = { options, verdict, chosen, mesh, head, dir, watch, failed };
  const reporter = reporterOf(run, context);
  options.report?.follow(() => ({
    ...head,
    durationMs: monotonicMs() - startedMs,
    suites: reporter.suites,
    totals: totalsOf(reporter.suites),
    exitCode: 3,
  }));
  const dockerGone = dockerLost(watch);
  const ended = new AbortController();
  let pausing: Promise<void> | undefined;
  try {
    const signals = [options.signal, failed.signal, dockerGone];
    if (options.pauseOnFail === true) {
      const within = AbortSignal.any([options.signal, dockerGone, ended.signal]);
      pausing = pauseOnFail(mesh, dir, options.say, within);
      // Otherwise suites would wait forever to be continued.
      signals.push(signalOfFailure(pausing));
    }
    const signal = AbortSignal.any(signals);
    for (const { dir: suitesDir, files } of byFolder(chosen)) {
      if (failed.signal.aborted) break;
      await runSuites({ files, contextFile, reporters: [reporter], signal, ...given({ suitesDir }) });
    }
  } finally {
    ended.abort();
    await watch[Symbol.asyncDispose]();
    await pausing;
  }
  const conformance = await conformanceOf(run);
  const results = await resultsOf(run, reporter, conformance);
  return leaveReport(options, dir, { ...head, durationMs: monotonicMs() - startedMs, ...results });
}

async function watchMachine(mesh: Mesh, reports: string): Promise<HostWatch> {
  // Only nodes that are containers on this machine cause load here.
  const here = mesh.clusters.filter((c) => c.capabilities.nodesAreLocal);
  const nodes = (await Promise.all(here.map((c) => c.nodes()))).flat();
  return HostWatch.start(
    nodes.map((n) => n.name),
    reports,
  );
}

/** Without Docker's daemon the lab is gone, and the rest of the run could only time out. */
function dockerLost(watch: HostWatch): AbortSignal {
  const lost = new AbortController();
  watch.onSample = () => {
    const last = watch.samples.slice(-3);
    if (last.length === 3 && last.every((s) => !s.dockerAnswers)) lost.abort();
  };
  return lost.signal;
}

function reporterOf(
  { options, verdict, chosen, mesh, head, dir, watch, failed }: Run,
  context: RunContext,
): RecordReporter {
  const queue = new WriteQueue(options.say);
  const { series } = options;
  return new RecordReporter({
    suites: chosen,
    clusters: context.clusters,
    repeat: context.repeat,
    outputs: [
      consoleOutput(options.say, (test) => nextSteps(options, dir, test)),
      ...(options.failFast === true ? [failFastOutput(failed)] : []),
      eventsOutput(dir, queue),
      junitOutput(
        dir,
        { runId: options.runId, startedAt: head.startedAt, properties: junitProperties(head) },
        queue,
        () => options.report?.unfinished() ?? [],
      ),
      ...(series === undefined
        ? []
        : [{ testEnded: (test: TestRecord) => keepInSeries(series, test, { dir, say: options.say }) }]),
      ...(options.outputs?.(() => failed.abort()) ?? []),
    ],
    interrupted: () => options.signal.aborted || failed.signal.aborted,
    verdict,
    disturbances: (sinceMs, untilMs) => disturbances(watch.samples, mesh.state.plan.rig, sinceMs, untilMs),
    unsampled: (sinceMs, untilMs) => unsampled(watch.samples, mesh.state.plan.rig, sinceMs, untilMs),
  });
}

/** The results of `--mcs-conformance`; none if the run has ended early. */
async function conformanceOf({ options, mesh, dir, failed }: Run): Promise<SuiteRecord[]> {
  const { mcsConformance: file, say, signal } = options;
  if (file === undefined || signal.aborted || failed.signal.aborted) return [];
  return [await runConformance({ file, clusters: mesh.clusters, dir, say, signal })];
}

/** The suites as finally judged, and their totals. */
async function resultsOf(
  { options, chosen, dir, failed, verdict }: Run,
  reporter: RecordReporter,
  conformance: readonly SuiteRecord[],
): Promise<Pick<RunRecord, "suites" | "totals" | "unusedAccept">> {
  const names = chosen.map((s) => s.info.name);
  const inOrder = [...reporter.suites].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  const records = [...inOrder, ...conformance.map((s) => ({ ...s, tests: s.tests.map(verdict) }))];
  const suites = await Promise.all(records.map((r) => withFindings(r, join(dir, "artifacts"))));
  for (const { name, findings } of suites) {
    const [first] = findings ?? [];
    if (first !== undefined)
      options.say(
        `  diagnosis of ${name}: [${first.layer}] ${first.message}\n              next: ${first.next}`,
      );
  }
  if (options.series !== undefined) correctSpoiled(options.series, options.runId, records);
  for (const error of reporter.runErrors) options.say(`  ERROR       ${error}`);
  for (const error of reporter.runUnknowns) options.say(`  UNKNOWN     ${error}`);
  // Tests that --fail-fast left out do not count.
  const missing = (failed.signal.aborted ? [] : names).filter(
    (s) => !records.some((r) => r.name === s && (r.tests.length > 0 || r.errors.length > 0)),
  );
  const totals = totalsOf(records);
  const unused = unusedOf(
    options.accept ?? [],
    records.flatMap((r) => r.tests),
  );
  return {
    suites,
    ...(unused.length === 0 ? {} : { unusedAccept: unused }),
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

/** Adds the findings of `diagnose` on the evidence if a test of the suite failed. */
async function withFindings(suite: SuiteRecord, artifacts: string): Promise<SuiteRecord> {
  if (suite.errors.length === 0 && suite.tests.every((t) => !countsAsFailure(t))) return suite;
  const text = await readFile(join(artifacts, suite.name, diagnosisFile), "utf8").catch(() => undefined);
  if (text === undefined) return suite;
  const findings = parseRecord(text, findingsFormat, {
    what: `${diagnosisFile} of suite ${suite.name}`,
    remedy: "run the suite again",
    code: "evidence-malformed",
  });
  return { ...suite, findings };
}
