import { join } from "node:path";
import { judgeLosses, type LossFigures, type UnnamedLosses } from "#harness/judge/measured.ts";
import { windowsOf } from "#harness/judge/windows.ts";
import { MeshproofError } from "#harness/lib/errors.ts";
import { lossesFile, readLosses } from "#harness/measure/loss-files.ts";
import type { History } from "#harness/model/history.ts";
import { decodeLosses, type Losses, type Point } from "#harness/model/loss-record.ts";
import type { TestRecord } from "#harness/model/record.ts";
import type { Outcome } from "#harness/model/verdict.ts";
import { readHistory } from "#harness/probe/history-file.ts";
import { runFolder } from "#harness/testkit/run-dir.ts";
import { readRun } from "./write-report.ts";

/** A figure that the present method gives otherwise. */
export interface ChangedFigure {
  /** Its path in the measurement, such as `away.lostTimeMs`; another vantage point by its title. */
  readonly name: string;
  readonly was: string;
  readonly now: string;
}

/** A measurement, judged again. */
export interface RejudgedTest {
  readonly test: string;
  readonly by: "histories" | "loss record";
  readonly was: Outcome;
  /** Absent if only figures could be computed. */
  readonly now?: Outcome;
  readonly reasons: readonly string[];
  readonly figures: readonly ChangedFigure[];
}

export interface Rejudged {
  readonly runId: string;
  readonly measurements: number;
  readonly tests: readonly RejudgedTest[];
  /** Measurements of which neither a loss record nor whole histories are kept. */
  readonly missing: readonly string[];
}

/**
 * Applies the present method to the kept histories of a run, and where those are missing to its loss records. The
 * report itself stays as it is. Throws `usage` for a run that measured nothing.
 */
export async function rejudge(named: string): Promise<Rejudged> {
  const dir = runFolder(named);
  const run = await readRun(dir);
  const records = readLosses(lossesFile(dir)).map(decodeLosses);
  const measured = run.suites.flatMap((s) => s.tests).filter((t) => t.notes.measurement !== undefined);
  if (measured.length === 0)
    throw new MeshproofError("usage", `run ${run.runId} measured nothing`, {
      remedy: "name a run of a suite that measures, such as failover",
    });
  const tests: RejudgedTest[] = [];
  const missing: string[] = [];
  for (const test of measured) {
    const again = await rejudgeTest(dir, test, records);
    if (again === undefined) missing.push(nameOf(test));
    else tests.push(again);
  }
  return { runId: run.runId, measurements: measured.length, tests, missing };
}

const nameOf = ({ suite, name }: TestRecord): string => `${suite} > ${name}`;

async function rejudgeTest(
  dir: string,
  test: TestRecord,
  records: readonly Losses[],
): Promise<RejudgedTest | undefined> {
  const { measurement, histories = [] } = test.notes;
  if (measurement === undefined) return undefined;
  const recorded = records.find((r) => r.runId === measurement.runId && r.at === measurement.at);
  const kept = await wholeHistories(join(dir, "histories"), histories);
  const seen =
    kept === undefined
      ? undefined
      : recorded === undefined
        ? byMarks(kept, test)
        : fromHistories(kept, recorded);
  const losses = seen ?? recorded;
  if (losses === undefined) return undefined;
  const { figures, verdict } = judgeLosses(losses);
  const common = {
    test: nameOf(test),
    by: seen === undefined ? ("loss record" as const) : ("histories" as const),
    was: test.outcome,
    // Without a loss record nothing keeps the chain of causes.
    figures: changedFigures(
      measurement,
      recorded === undefined ? { ...figures, phases: measurement.phases } : figures,
    ),
  };
  // Without a loss record nothing says what was expected.
  if (recorded === undefined) return { ...common, reasons: [] };
  // The host's samples made it unknown, and they are not part of what is judged here.
  const spoiled = test.reasons.some((r) => /^(?:the test machine was disturbed|not judged): /.test(r));
  const now = spoiled && test.outcome === "unknown" ? "unknown" : verdict.outcome;
  return { ...common, now, reasons: now === "unknown" && spoiled ? [] : verdict.reasons };
}

/** The histories of new connections; undefined if one is missing or truncated. */
async function wholeHistories(dir: string, files: readonly string[]): Promise<History[] | undefined> {
  const histories: History[] = [];
  for (const file of files) {
    const history = await readHistory(join(dir, file)).catch(() => undefined);
    if (history === undefined) return undefined;
    if (history.connection === "new") histories.push(history);
  }
  return histories.length === 0 ? undefined : histories;
}

/** The record with its windows coded again; undefined if a vantage point has no history. */
function fromHistories(histories: readonly History[], recorded: Losses): UnnamedLosses | undefined {
  const points = recorded.points.flatMap((point): Point[] => {
    const history = histories.find((h) => h.title === point.title && h.vantage === point.vantage);
    if (history === undefined) return [];
    return [{ ...point, ...windowsOf(history, cutsOf(history, recorded)) }];
  });
  return points.length === recorded.points.length ? { ...recorded, points } : undefined;
}

const cutsOf = (
  { startedAtUnixMs }: History,
  { faultUnixMs, healingUnixMs }: Pick<Losses, "faultUnixMs" | "healingUnixMs">,
) => ({ sinceMs: faultUnixMs - startedAtUnixMs, healedMs: healingUnixMs - startedAtUnixMs });

/** Histories alone: their marks give the times, and nothing was expected. */
function byMarks(histories: readonly History[], { notes }: TestRecord): UnnamedLosses | undefined {
  const [main] = histories;
  const [fault, healing] = main?.marks ?? [];
  const { measurement } = notes;
  if (main === undefined || fault === undefined || healing === undefined || measurement === undefined)
    return undefined;
  const times = {
    faultUnixMs: main.startedAtUnixMs + fault.atMs,
    healingUnixMs: main.startedAtUnixMs + healing.atMs,
  };
  const { method, scenario, affinity, struck, client } = measurement;
  return {
    ...{ method, scenario, affinity, struck, client },
    ...times,
    rig: { latenessP99Ms: 0, stallMs: 0, controlLossShare: 0 },
    chain: { path: [], events: [] },
    points: histories.map((h): Point => {
      const { samples: _, control: __, marks: ___, startedAt: ____, ...head } = h;
      const cluster = measurement.others.find((o) => o.title === h.title)?.cluster ?? client;
      return { ...head, cluster, ...windowsOf(h, cutsOf(h, times)), expected: {} };
    }),
  };
}

/** The figures of losses. */
const compared = [
  "heldForMs",
  "machineTroubles",
  "before",
  "away",
  "back",
  "phases",
  "others",
  "prober",
] as const;

type Comparable = Pick<NonNullable<TestRecord["notes"]["measurement"]>, (typeof compared)[number]>;

/** The figures of a measurement that losses give otherwise; the processor time of all probers is not in these. */
export function changedFigures(was: Comparable, now: LossFigures): ChangedFigure[] {
  const before = flat(was);
  const after = flat({ ...now, prober: { ...was.prober, ...now.prober } });
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [a, b] = [before.get(name), after.get(name)];
    return same(a, b) ? [] : [{ name, was: said(a), now: said(b) }];
  });
}

const said = (value: unknown): string => (value === undefined ? "none" : String(value));

/** Figures are rounded to hundredths before they are kept. */
const same = (a: unknown, b: unknown): boolean =>
  typeof a === "number" && typeof b === "number" ? Math.abs(a - b) < 0.011 : a === b;

function flat(figures: Comparable): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const add = (name: string, value: unknown): void => {
    if (Array.isArray(value) && value.every((v) => typeof v !== "object")) values.set(name, value.join("; "));
    else if (typeof value === "object" && value !== null)
      for (const [key, one] of Object.entries(value)) add(`${name}.${titleOf(one) ?? key}`, one);
    else values.set(name, value);
  };
  for (const key of compared) add(key, figures[key]);
  return values;
}

/** Members of a list are named, because their order says nothing. */
function titleOf(value: unknown): string | undefined {
  const { title, boundary, upTo } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const name = title ?? boundary ?? upTo;
  return typeof name === "string" ? name : undefined;
}

/** What changes, as lines of text. */
export function rejudgedLines({ runId, measurements, tests, missing }: Rejudged): string[] {
  const lines = tests.flatMap((t) => {
    const changed = t.now !== undefined && t.now !== t.was;
    if (!changed && t.figures.length === 0) return [];
    const verdict =
      t.now === undefined ? `${t.was}, not judged again` : changed ? `${t.was} -> ${t.now}` : t.was;
    return [
      `${t.test}: ${verdict} (by its ${t.by})`,
      ...(changed ? t.reasons.map((r) => `  ${r}`) : []),
      ...t.figures.map((f) => `  ${f.name}: ${f.was} -> ${f.now}`),
    ];
  });
  const verdicts = tests.filter((t) => t.now !== undefined && t.now !== t.was).length;
  const figures = tests.reduce((sum, t) => sum + t.figures.length, 0);
  return [
    ...lines,
    ...missing.map((name) => `${name}: neither a loss record nor whole histories are kept`),
    `${runId}: ${tests.length} of ${measurements} measurements judged again; ${verdicts} verdicts and ${figures} figures change`,
  ];
}

/** 1 if something fails now that did not, 3 if something could not be judged again. */
export function rejudgedExitCode({ tests, missing }: Rejudged): number {
  if (tests.some((t) => t.now === "fail" && t.was !== "fail")) return 1;
  return missing.length > 0 || tests.some((t) => t.now === undefined || t.now === "unknown") ? 3 : 0;
}
